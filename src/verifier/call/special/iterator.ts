/** Open-coded iterators: their state lives in stack slots. */
import type { BtfType } from '../../../btf/index.ts';
import type { VerifierEnv } from '../../env.ts';
import { iterTypeText } from '../../log/print-state.ts';
import { checkMemAccess } from '../../mem/access.ts';
import { inRcuCs } from '../../mem/pointers.ts';
import { iterMessages } from '../../messages/kfunc.ts';
import { markIterRead } from '../../prune/liveness.ts';
import { previousEntry, widenImpreciseScalars } from '../../prune/widen.ts';
import { sameCallsites } from '../../prune/equal.ts';
import { pushBranch } from '../../state/branches.ts';
import {
  BPF_ITER_STATE_ACTIVE,
  BPF_ITER_STATE_DRAINED,
  BTF,
  BTF_ID,
  fillSlotTypes,
  FRAMENO,
  ITER_STATE_DEPTH,
  MEM_RCU,
  PTR_TO_STACK,
  PTR_UNTRUSTED,
  REF_OBJ_ID,
  REG_SIZE,
  regAt,
  SLOT_TYPES,
  slotAt,
  STACK_INVALID,
  STACK_ITER,
  TYPE,
} from '../../state/layout.ts';
import type { FuncState } from '../../state/state.ts';
import { markConstZero, markKnownZero, markNotInit } from '../../value/bounds.ts';
import { markPtrNotNull } from '../../walk/null-marks.ts';
import { BugError } from '../../../base/index.ts';
import { acquireReference, releaseReference } from '../effects.ts';
import type { KfuncMeta } from '../kfunc-meta.ts';
import { SPI_INVALID, SPI_UNTRACKED, stackObjectSpi } from './dynptr.ts';

const ALL_ITER = STACK_ITER * 0x0101_0101;
/** One round more: the depth is above the two bits of state. */
const ONE_ROUND = 1 << 2;
const STATE_MASK = 3;

/** The struct of an iterator argument; undefined if it is none (btf_check_iter_arg). */
function iteratorStruct(meta: KfuncMeta, arg: number): (BtfType & { size: number }) | undefined {
  const type = meta.proto.params[arg]!;
  const { pointee } = type;
  const fits = type.isPointer && pointee.kind === 'struct' && pointee.name.startsWith('bpf_iter_');
  return fits ? pointee : undefined;
}

/** An iterator argument: made, moved on, or destroyed (process_iter_arg). */
export function processIterArg(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  const r = regAt(regno);
  const arg = regno - 1;
  if (env.regs[r + TYPE] !== PTR_TO_STACK) env.reject('EINVAL', iterMessages.not_on_stack(arg));
  const struct = iteratorStruct(meta, arg);
  if (!struct) env.reject('EINVAL', iterMessages.invalid(arg));
  const slots = struct.size / REG_SIZE;
  const text = () => iterTypeText(env, meta.btf, struct.id);
  if (meta.contract.iterator === 'new') {
    if (!isUninitialized(env, r, slots)) {
      env.reject('EINVAL', iterMessages.initialized(text(), arg));
    }
    for (let i = 0; i < slots * REG_SIZE; i += REG_SIZE) {
      checkMemAccess(env, meta.insn, regno, i, REG_SIZE, 'write', -1, false, false);
    }
    makeIterator(env, r, struct.id, slots, meta);
    return;
  }
  checkInitialized(
    env,
    r,
    struct.id,
    slots,
    () => {
      env.reject('EINVAL', iterMessages.uninitialized(text(), arg));
    },
    meta,
  );
  useIterator(env, r, slots, meta);
}

function useIterator(env: VerifierEnv, r: number, slots: number, meta: KfuncMeta): void {
  const spi = stackObjectSpi(env, env.regs, r, 'iter', slots);
  if (spi < 0) env.reject(spi === SPI_UNTRACKED ? 'ERANGE' : 'EINVAL');
  const frame = env.state.frameAt(env.regs[r + FRAMENO]!);
  markIterRead(env, frame, spi, slots);
  meta.iterSpi = spi;
  meta.iterFrame = frame.frameno;
  meta.refObjId = frame.words[slotAt(spi) + REF_OBJ_ID]!;
  if (meta.contract.iterator === 'destroy') destroyIterator(env, frame, spi, slots);
}

const isIterSlot = (w: Int32Array, r: number) =>
  w[r + SLOT_TYPES] === ALL_ITER && w[r + SLOT_TYPES + 1] === ALL_ITER;

/** True unless part of an iterator is there already (is_iter_reg_valid_uninit). */
function isUninitialized(env: VerifierEnv, r: number, slots: number): boolean {
  const spi = stackObjectSpi(env, env.regs, r, 'iter', slots);
  if (spi === SPI_UNTRACKED) return true;
  if (spi === SPI_INVALID) return false;
  const w = env.state.frameAt(env.regs[r + FRAMENO]!).words;
  for (let i = 0; i < slots; i++) {
    const at = slotAt(spi - i) + SLOT_TYPES;
    for (let byte = 0; byte < REG_SIZE; byte++) {
      if (((w[at + (byte >> 2)]! >> ((byte & 3) << 3)) & 0xff) === STACK_ITER) return false;
    }
  }
  return true;
}

/** Rejects unless the slots hold exactly such an iterator (is_iter_reg_valid_init). */
function checkInitialized(
  env: VerifierEnv,
  r: number,
  typeId: number,
  slots: number,
  fail: () => void,
  meta: KfuncMeta,
): void {
  const spi = stackObjectSpi(env, env.regs, r, 'iter', slots);
  if (spi < 0) return fail();
  const w = env.state.frameAt(env.regs[r + FRAMENO]!).words;
  for (let i = 0; i < slots; i++) {
    const at = slotAt(spi - i);
    if (w[at + TYPE]! & PTR_UNTRUSTED) env.reject('EPROTO', iterMessages.needs_rcu(meta.name));
    const isMain = w[at + REF_OBJ_ID] !== 0;
    if (isMain !== (i === 0)) return fail();
    if (w[at + BTF] !== meta.btf || w[at + BTF_ID] !== typeId || !isIterSlot(w, at)) {
      return fail();
    }
  }
}

/** mark_stack_slots_iter */
function makeIterator(
  env: VerifierEnv,
  r: number,
  typeId: number,
  slots: number,
  meta: KfuncMeta,
): void {
  const frame = env.state.frameAt(env.regs[r + FRAMENO]!);
  const spi = stackObjectSpi(env, env.regs, r, 'iter', slots);
  if (spi < 0) env.reject(spi === SPI_UNTRACKED ? 'ERANGE' : 'EINVAL');
  const id = acquireReference(env, meta.insn);
  const protection = inRcuCs(env) ? MEM_RCU : PTR_UNTRUSTED;
  const flags = meta.contract.rcuProtected ? protection : 0;
  const w = frame.words;
  for (let i = 0; i < slots; i++) {
    const at = slotAt(spi - i);
    markKnownZero(w, at);
    w[at + TYPE] = PTR_TO_STACK | flags;
    frame.noteSlotWritten(spi - i);
    w[at + REF_OBJ_ID] = i === 0 ? id : 0;
    w[at + BTF] = meta.btf;
    w[at + BTF_ID] = typeId;
    w[at + ITER_STATE_DEPTH] = BPF_ITER_STATE_ACTIVE;
    fillSlotTypes(w, at, STACK_ITER);
    env.scratchSlot(spi - i);
  }
}

/** unmark_stack_slots_iter */
function destroyIterator(env: VerifierEnv, frame: FuncState, spi: number, slots: number): void {
  const w = frame.words;
  for (let i = 0; i < slots; i++) {
    const at = slotAt(spi - i);
    if (i === 0) releaseReference(env, w[at + REF_OBJ_ID]!);
    markNotInit(env, w, at);
    frame.noteSlotWritten(spi - i);
    fillSlotTypes(w, at, STACK_INVALID);
    env.scratchSlot(spi - i);
  }
}

/** Flags of the iterator's slot: MEM_RCU when RCU protects what it gives. */
export function iteratorFlags(env: VerifierEnv, meta: KfuncMeta): number {
  return env.state.frameAt(meta.iterFrame).words[slotAt(meta.iterSpi) + TYPE]!;
}

/**
 * `next` was called: on this path it gave nothing and the iterator is drained; another path, put
 * aside, goes round the loop with an element (process_iter_next_call).
 */
export function processIterNext(env: VerifierEnv, meta: KfuncMeta): void {
  const { state } = env;
  const at = slotAt(meta.iterSpi) + ITER_STATE_DEPTH;
  const w = state.frameAt(meta.iterFrame).words;
  if ((w[at]! & STATE_MASK) === BPF_ITER_STATE_ACTIVE) {
    const { parent } = state;
    if (!parent || parent.insnIdx !== meta.insn || !sameCallsites(parent, state)) {
      throw new BugError('an iterator moves on without a checkpoint');
    }
    const previous = previousEntry(env, parent, meta.insn);
    const queued = pushBranch(env, meta.insn + 1, meta.insn, false);
    queued.frameAt(meta.iterFrame).words[at]! += ONE_ROUND;
    if (previous) widenImpreciseScalars(env, previous, queued);
    markPtrNotNull(env, queued.frame.words, regAt(0));
  }
  w[at] = (w[at]! & ~STATE_MASK) | BPF_ITER_STATE_DRAINED;
  markConstZero(env, env.regs, regAt(0));
}
