/**
 * Dynptrs before writes over them counted: a slot is one as long as its bytes say so, and only the
 * fixed part of a pointer's offset is looked at (is_dynptr_reg_valid_init and friends of 6.1).
 */
import type { VerifierEnv } from '../../env.ts';
import { dynptrText } from '../../log/print-state.ts';
import { checkMemAccess } from '../../mem/access.ts';
import { dynptrMessages } from '../../messages/dynptr.ts';
import {
  BPF_DYNPTR_TYPE_INVALID,
  CONST_PTR_TO_DYNPTR,
  DYNPTR_FIRST_SLOT,
  DYNPTR_TYPE,
  fillSlotTypes,
  MEM_UNINIT,
  OFF,
  REF_OBJ_ID,
  REG_SIZE,
  regAt,
  slotAt,
  slotType,
  STACK_DYNPTR,
  TYPE,
} from '../../state/layout.ts';
import type { FuncState } from '../../state/state.ts';
import { ARG_PTR_TO_DYNPTR } from '../arg-types.ts';
import { acquireReference } from '../effects.ts';
import {
  argToDynptrType,
  BPF_DYNPTR_NR_SLOTS,
  frameOf,
  isWholeDynptrSlot,
  markDynptr,
} from './dynptr-parts.ts';
import { isRefcounted } from './dynptr-slots.ts';

/** Stack slot the fixed offset names, or -1 (get_spi, is_spi_bounds_valid). */
export function dynptrSpiOlder(frame: FuncState, off: number): number {
  const spi = Math.trunc((-off - 1) / REG_SIZE);
  return spi - BPF_DYNPTR_NR_SLOTS + 1 >= 0 && spi < frame.slots ? spi : -1;
}

/** Is here a dynptr? */
export function isDynptrOlder(env: VerifierEnv, w: Int32Array, r: number): boolean {
  const frame = frameOf(env, w, r);
  const spi = dynptrSpiOlder(frame, w[r + OFF]!);
  if (spi < 0 || !frame.words[slotAt(spi) + DYNPTR_FIRST_SLOT]) return false;
  return isWholeDynptrSlot(frame.words, spi) && isWholeDynptrSlot(frame.words, spi - 1);
}

/** The kind of the dynptr that is here. */
export function dynptrTypeOlder(env: VerifierEnv, w: Int32Array, r: number): number {
  const frame = frameOf(env, w, r);
  return frame.words[slotAt(dynptrSpiOlder(frame, w[r + OFF]!)) + DYNPTR_TYPE]!;
}

/** A dynptr argument: makes one, or asks for one. */
export function processDynptrOlder(
  env: VerifierEnv,
  regno: number,
  insn: number,
  argType: number,
): void {
  const w = env.regs;
  const r = regAt(regno);
  if (w[r + TYPE] === CONST_PTR_TO_DYNPTR) return;
  if (argType & MEM_UNINIT) {
    if (isOccupied(frameOf(env, w, r), w[r + OFF]!)) {
      env.reject('EINVAL', dynptrMessages.uninitialized());
    }
    for (let i = 0; i < BPF_DYNPTR_NR_SLOTS * REG_SIZE; i += REG_SIZE) {
      checkMemAccess(env, insn, regno, i, REG_SIZE, 'write', -1, false, false);
    }
    make(env, r, argType, insn);
    return;
  }
  if (!isDynptrOlder(env, w, r)) env.reject('EINVAL', dynptrMessages.initialized(regno));
  const wanted = argToDynptrType(argType);
  if (argType !== ARG_PTR_TO_DYNPTR && dynptrTypeOlder(env, w, r) !== wanted) {
    env.reject('EINVAL', dynptrMessages.wrong_type(dynptrText(wanted), regno));
  }
}

function isOccupied(frame: FuncState, off: number): boolean {
  const spi = dynptrSpiOlder(frame, off);
  if (spi < 0) return false;
  for (let i = 0; i < REG_SIZE; i++) {
    if (slotType(frame.words, slotAt(spi), i) === STACK_DYNPTR) return true;
    if (slotType(frame.words, slotAt(spi - 1), i) === STACK_DYNPTR) return true;
  }
  return false;
}

/** mark_stack_slots_dynptr */
function make(env: VerifierEnv, r: number, argType: number, insn: number): void {
  const frame = frameOf(env, env.regs, r);
  const spi = dynptrSpiOlder(frame, env.regs[r + OFF]!);
  const dynptrType = argToDynptrType(argType);
  if (spi < 0 || dynptrType === BPF_DYNPTR_TYPE_INVALID) env.reject('EINVAL');
  const w = frame.words;
  const id = isRefcounted(dynptrType) ? acquireReference(env, insn) : 0;
  for (const [slot, isFirst] of [
    [spi, true],
    [spi - 1, false],
  ] as const) {
    fillSlotTypes(w, slotAt(slot), STACK_DYNPTR);
    markDynptr(w, slotAt(slot), dynptrType, isFirst, id);
    w[slotAt(slot) + REF_OBJ_ID] = id;
  }
}
