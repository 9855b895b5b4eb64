/**
 * Dynptrs: bounded memory a program names by a 16-byte object on its stack, which only helpers may
 * touch. The two slots of one share an id; slices (PTR_TO_MEM of bpf_dynptr_data) remember it.
 */
import type { VerifierEnv } from '../../env.ts';
import { gates } from '../../gates.ts';
import { dynptrText } from '../../log/print-state.ts';
import { checkMemAccess } from '../../mem/access.ts';
import { dynptrMessages } from '../../messages/dynptr.ts';
import { markDynptrRead } from '../../prune/liveness.ts';
import {
  BPF_DYNPTR_TYPE_INVALID,
  BPF_DYNPTR_TYPE_LOCAL,
  BPF_DYNPTR_TYPE_RINGBUF,
  BPF_DYNPTR_TYPE_SKB,
  BPF_DYNPTR_TYPE_XDP,
  CONST_PTR_TO_DYNPTR,
  DYNPTR_FIRST_SLOT,
  DYNPTR_TYPE,
  DYNPTR_TYPE_LOCAL_FLAG,
  DYNPTR_TYPE_RINGBUF_FLAG,
  DYNPTR_TYPE_SKB_FLAG,
  DYNPTR_TYPE_XDP_FLAG,
  fillSlotTypes,
  ID,
  MEM_RDONLY,
  MEM_UNINIT,
  OFF,
  PTR_TO_STACK,
  REF_OBJ_ID,
  REG_SIZE,
  regAt,
  STACK_DYNPTR,
  STACK_INVALID,
  slotAt,
  TYPE,
  VALUE,
} from '../../state/layout.ts';
import type { FuncState } from '../../state/state.ts';
import { tnumIsConst } from '../../value/tnum.ts';
import { ARG_PTR_TO_DYNPTR } from '../arg-types.ts';
import { acquireReference, releaseReference } from '../effects.ts';
import { processDynptrOlder } from './dynptr-older.ts';
import {
  argToDynptrType,
  BPF_DYNPTR_NR_SLOTS,
  frameOf,
  isWholeDynptrSlot,
  markDynptr,
} from './dynptr-parts.ts';
import { destroyIfDynptrStackSlot, isRefcounted, resetSlots } from './dynptr-slots.ts';

const BPF_DYNPTR_SIZE = BPF_DYNPTR_NR_SLOTS * REG_SIZE;

/** `stackObjectSpi`: the pointer cannot be one to such an object (the words were said). */
export const SPI_INVALID = -1;
/** `stackObjectSpi`: nothing is known of that part of the stack yet. */
export const SPI_UNTRACKED = -2;

/**
 * First (deepest) stack slot of the `slots` slots long object the stack pointer points to, or
 * SPI_INVALID, SPI_UNTRACKED (stack_slot_obj_get_spi). `object`: 'dynptr', 'iter'.
 */
export function stackObjectSpi(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  object: string,
  slots: number,
): number {
  if (!tnumIsConst(w, r)) {
    if (env.talking) env.say(dynptrMessages.variable_offset(object));
    return SPI_INVALID;
  }
  const off = (w[r + OFF]! + w[r + VALUE]!) | 0;
  const spi = Math.trunc((-off - 1) / REG_SIZE);
  if (off % REG_SIZE !== 0 || spi + 1 < slots) {
    if (env.talking) env.say(dynptrMessages.wrong_offset(object, off));
    return SPI_INVALID;
  }
  const tracked = frameOf(env, w, r).slots;
  return spi - slots + 1 >= 0 && spi < tracked ? spi : SPI_UNTRACKED;
}

/** Stack slot of the dynptr that the stack pointer points to (dynptr_get_spi). */
export function dynptrGetSpi(env: VerifierEnv, w: Int32Array, r: number): number {
  return stackObjectSpi(env, w, r, 'dynptr', BPF_DYNPTR_NR_SLOTS);
}

/** The flag of a dynptr's kind in argument and register types (get_dynptr_type_flag). */
export function dynptrTypeFlag(dynptrType: number): number {
  switch (dynptrType) {
    case BPF_DYNPTR_TYPE_LOCAL:
      return DYNPTR_TYPE_LOCAL_FLAG;
    case BPF_DYNPTR_TYPE_RINGBUF:
      return DYNPTR_TYPE_RINGBUF_FLAG;
    case BPF_DYNPTR_TYPE_SKB:
      return DYNPTR_TYPE_SKB_FLAG;
    case BPF_DYNPTR_TYPE_XDP:
      return DYNPTR_TYPE_XDP_FLAG;
    default:
      return 0;
  }
}

/** A callback gets a dynptr in this register (mark_dynptr_cb_reg). */
export function markDynptrCallbackReg(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  dynptrType: number,
): void {
  markDynptr(w, r, dynptrType, true, env.newId());
}

function invalidateDynptr(env: VerifierEnv, frame: FuncState, spi: number): void {
  fillSlotTypes(frame.words, slotAt(spi), STACK_INVALID);
  fillSlotTypes(frame.words, slotAt(spi - 1), STACK_INVALID);
  resetSlots(env, frame, spi);
}

/** Makes a dynptr on the stack (mark_stack_slots_dynptr); `cloneRefObjId` 0: no clone. */
function markStackSlotsDynptr(
  env: VerifierEnv,
  regno: number,
  argType: number,
  insn: number,
  cloneRefObjId: number,
): void {
  const r = regAt(regno);
  const frame = frameOf(env, env.regs, r);
  const spi = dynptrGetSpi(env, env.regs, r);
  if (spi < 0) env.reject(spi === SPI_INVALID ? 'EINVAL' : 'ERANGE');
  // The two slots may belong to two older dynptrs.
  destroyIfDynptrStackSlot(env, frame, spi);
  destroyIfDynptrStackSlot(env, frame, spi - 1);
  const w = frame.words;
  const first = slotAt(spi);
  const second = slotAt(spi - 1);
  fillSlotTypes(w, first, STACK_DYNPTR);
  fillSlotTypes(w, second, STACK_DYNPTR);
  const dynptrType = argToDynptrType(argType);
  if (dynptrType === BPF_DYNPTR_TYPE_INVALID) env.reject('EINVAL');
  const id = env.newId();
  markDynptr(w, first, dynptrType, true, id);
  markDynptr(w, second, dynptrType, false, id);
  if (isRefcounted(dynptrType)) {
    const refObjId = cloneRefObjId || acquireReference(env, insn);
    w[first + REF_OBJ_ID] = w[second + REF_OBJ_ID] = refObjId;
  }
  frame.noteSlotWritten(spi);
  frame.noteSlotWritten(spi - 1);
}

/**
 * A helper took the dynptr that stack pointer `(w, r)` points to; with a reference go its clones
 * and the slices of all (unmark_stack_slots_dynptr). False if it is none.
 */
export function unmarkStackSlotsDynptr(env: VerifierEnv, w: Int32Array, r: number): boolean {
  const frame = frameOf(env, w, r);
  const spi = dynptrGetSpi(env, w, r);
  if (spi < 0) return false;
  const words = frame.words;
  if (!isRefcounted(words[slotAt(spi) + DYNPTR_TYPE]!)) {
    invalidateDynptr(env, frame, spi);
    return true;
  }
  const refObjId = words[slotAt(spi) + REF_OBJ_ID]!;
  releaseReference(env, refObjId);
  for (let n = 1; n < frame.slots; n++) {
    const slot = slotAt(n);
    if (words[slot + REF_OBJ_ID] !== refObjId) continue;
    if (words[slot + DYNPTR_FIRST_SLOT]) invalidateDynptr(env, frame, n);
  }
  return true;
}

/** May a dynptr be made here? (is_dynptr_reg_valid_uninit) */
function isUninitialized(env: VerifierEnv, w: Int32Array, r: number): boolean {
  return w[r + TYPE] !== CONST_PTR_TO_DYNPTR && dynptrGetSpi(env, w, r) !== SPI_INVALID;
}

/** Is here a dynptr? (is_dynptr_reg_valid_init) */
function isInitialized(env: VerifierEnv, w: Int32Array, r: number): boolean {
  if (w[r + TYPE] === CONST_PTR_TO_DYNPTR) return true;
  const spi = dynptrGetSpi(env, w, r);
  if (spi < 0) return false;
  const { words } = frameOf(env, w, r);
  if (!words[slotAt(spi) + DYNPTR_FIRST_SLOT]) return false;
  return isWholeDynptrSlot(words, spi) && isWholeDynptrSlot(words, spi - 1);
}

/** Record of the dynptr a register stands for: its own, or the stack slot's; -1: none. */
function dynptrRecord(env: VerifierEnv, w: Int32Array, r: number): number {
  if (w[r + TYPE] === CONST_PTR_TO_DYNPTR) return r;
  const spi = dynptrGetSpi(env, w, r);
  return spi < 0 ? -1 : slotAt(spi);
}

/** A word of the dynptr a register stands for; -1: it stands for none. */
function dynptrWord(env: VerifierEnv, w: Int32Array, r: number, word: number): number {
  const at = dynptrRecord(env, w, r);
  if (at < 0) return -1;
  const words = at === r ? w : frameOf(env, w, r).words;
  return words[at + word]!;
}

/** Id of a dynptr, which its slices carry, or -1 (dynptr_id). */
export function dynptrId(env: VerifierEnv, w: Int32Array, r: number): number {
  return dynptrWord(env, w, r, ID);
}

/** Reference of a dynptr, or -1 (dynptr_ref_obj_id). */
export function dynptrRefObjId(env: VerifierEnv, w: Int32Array, r: number): number {
  return dynptrWord(env, w, r, REF_OBJ_ID);
}

/** BPF_DYNPTR_TYPE_* (dynptr_get_type). */
export function dynptrGetType(env: VerifierEnv, w: Int32Array, r: number): number {
  if (w[r + TYPE] === CONST_PTR_TO_DYNPTR) return w[r + DYNPTR_TYPE]!;
  // As in the kernel: here only the fixed part of the offset counts.
  const spi = Math.trunc((-w[r + OFF]! - 1) / REG_SIZE);
  return frameOf(env, w, r).words[slotAt(spi) + DYNPTR_TYPE] ?? BPF_DYNPTR_TYPE_INVALID;
}

function isTypeExpected(env: VerifierEnv, w: Int32Array, r: number, argType: number): boolean {
  if (argType === ARG_PTR_TO_DYNPTR) return true;
  return dynptrWord(env, w, r, DYNPTR_TYPE) === argToDynptrType(argType);
}

/**
 * A dynptr argument: makes one (MEM_UNINIT), or asks for one that is there and, without MEM_RDONLY,
 * is on the stack (process_dynptr_func). `cloneRefObjId`: reference a clone shares, or 0.
 */
export function processDynptrFunc(
  env: VerifierEnv,
  regno: number,
  insn: number,
  argType: number,
  cloneRefObjId: number,
): void {
  if (!gates.dynptrOverwrites) {
    processDynptrOlder(env, regno, insn, argType);
    return;
  }
  const r = regAt(regno);
  const type = env.regs[r + TYPE]!;
  if (type !== PTR_TO_STACK && type !== CONST_PTR_TO_DYNPTR) {
    env.reject('EINVAL', dynptrMessages.stack_pointer(regno - 1));
  }
  if (argType & MEM_UNINIT) {
    if (!isUninitialized(env, env.regs, r)) {
      env.reject('EINVAL', dynptrMessages.uninitialized());
    }
    for (let i = 0; i < BPF_DYNPTR_SIZE; i += REG_SIZE) {
      checkMemAccess(env, insn, regno, i, REG_SIZE, 'write', -1, false, false);
    }
    markStackSlotsDynptr(env, regno, argType, insn, cloneRefObjId);
    return;
  }
  checkInitialized(env, regno, argType);
}

function checkInitialized(env: VerifierEnv, regno: number, argType: number): void {
  const w = env.regs;
  const r = regAt(regno);
  if (w[r + TYPE] === CONST_PTR_TO_DYNPTR && !(argType & MEM_RDONLY)) {
    env.reject('EINVAL', dynptrMessages.mutates_const());
  }
  if (!isInitialized(env, w, r)) env.reject('EINVAL', dynptrMessages.initialized(regno - 1));
  if (!isTypeExpected(env, w, r, argType & ~MEM_RDONLY)) {
    const wanted = dynptrText(argToDynptrType(argType));
    env.reject('EINVAL', dynptrMessages.wrong_type(wanted, regno - 1));
  }
  if (w[r + TYPE] === CONST_PTR_TO_DYNPTR) return;
  markDynptrRead(env, frameOf(env, w, r), dynptrGetSpi(env, w, r));
}
