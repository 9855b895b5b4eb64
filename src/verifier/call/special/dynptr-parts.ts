/** What dynptrs of all kernels have in common. */
import type { VerifierEnv } from '../../env.ts';
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
  FRAMENO,
  ID,
  SLOT_TYPES,
  STACK_DYNPTR,
  slotAt,
  TYPE,
} from '../../state/layout.ts';
import type { FuncState } from '../../state/state.ts';
import { markKnownZero } from '../../value/bounds.ts';
import { DYNPTR_TYPE_FLAG_MASK } from '../arg-types.ts';

/** Slots a dynptr takes on the stack. */
export const BPF_DYNPTR_NR_SLOTS = 2;

const ALL_DYNPTR = STACK_DYNPTR * 0x0101_0101;

/** The frame a stack pointer points into. */
export function frameOf(env: VerifierEnv, w: Int32Array, r: number): FuncState {
  return env.state.frameAt(w[r + FRAMENO]!);
}

/** Kind of dynptr an argument asks for; BPF_DYNPTR_TYPE_INVALID: all (arg_to_dynptr_type). */
export function argToDynptrType(argType: number): number {
  switch (argType & DYNPTR_TYPE_FLAG_MASK) {
    case DYNPTR_TYPE_LOCAL_FLAG:
      return BPF_DYNPTR_TYPE_LOCAL;
    case DYNPTR_TYPE_RINGBUF_FLAG:
      return BPF_DYNPTR_TYPE_RINGBUF;
    case DYNPTR_TYPE_SKB_FLAG:
      return BPF_DYNPTR_TYPE_SKB;
    case DYNPTR_TYPE_XDP_FLAG:
      return BPF_DYNPTR_TYPE_XDP;
    default:
      return BPF_DYNPTR_TYPE_INVALID;
  }
}

/** Makes a record the first or second slot of a dynptr, or a dynptr of its own. */
export function markDynptr(
  w: Int32Array,
  r: number,
  dynptrType: number,
  firstSlot: boolean,
  id: number,
): void {
  markKnownZero(w, r);
  w[r + TYPE] = CONST_PTR_TO_DYNPTR;
  w[r + ID] = id;
  w[r + DYNPTR_TYPE] = dynptrType;
  w[r + DYNPTR_FIRST_SLOT] = firstSlot ? 1 : 0;
}

/** All 8 bytes of the slot are a dynptr's. */
export function isWholeDynptrSlot(words: Int32Array, spi: number): boolean {
  const types = slotAt(spi) + SLOT_TYPES;
  return words[types] === ALL_DYNPTR && words[types + 1] === ALL_DYNPTR;
}
