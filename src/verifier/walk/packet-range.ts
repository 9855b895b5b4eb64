/** Comparisons of packet pointers with the packet's end: how many bytes are proven to be there. */
import { BPF_JGE, BPF_JGT, BPF_JLE, BPF_JLT, BPF_JMP32, BPF_X, classOf } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { isPacketType } from '../mem/pointers.ts';
import { eachReg } from '../state/each-reg.ts';
import {
  ID,
  OFF,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  RANGE,
  TYPE,
  UMAX,
  regAt,
} from '../state/layout.ts';
import type { VerifierState } from '../state/state.ts';
import { NOT_TAKEN, TAKEN, UNKNOWN, flipOpcode } from '../value/refine.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import { ult32 } from '../value/u64.ts';

/** Packets are at most this long as far as proofs go. */
const MAX_PACKET_OFF = 0xffff;

// RANGE of pointers that are known not to be below the packet's end.
const AT_PKT_END = -1;
const BEYOND_PKT_END = -2;

/** A pointer into the packet or its metadata, or the packet's end (reg_is_pkt_pointer_any). */
export function isPacketPointerAny(w: Int32Array, r: number): boolean {
  return isPacketType(w[r + TYPE]!) || w[r + TYPE] === PTR_TO_PACKET_END;
}

/** The packet's start itself (reg_is_init_pkt_pointer). */
function isPacketStart(w: Int32Array, r: number): boolean {
  return (
    w[r + TYPE] === PTR_TO_PACKET &&
    w[r + ID] === 0 &&
    w[r + OFF] === 0 &&
    tnumEqualsConst(w, r, 0, 0)
  );
}

/** Whether a comparison of packet pointers is decided already (is_pkt_ptr_branch_taken). */
export function packetBranchTaken(w: Int32Array, d: number, s: number, op: number): number {
  if (w[s + TYPE] === PTR_TO_PACKET_END) return endBranchTaken(w[d + RANGE]!, op);
  if (w[d + TYPE] === PTR_TO_PACKET_END) return endBranchTaken(w[s + RANGE]!, flipOpcode(op));
  return UNKNOWN;
}

/** `pointer op packet end`. */
function endBranchTaken(range: number, op: number): number {
  if (op === BPF_JLE || op === BPF_JGT) {
    if (range !== BEYOND_PKT_END) return UNKNOWN;
    return op === BPF_JGT ? TAKEN : NOT_TAKEN;
  }
  if (op !== BPF_JLT && op !== BPF_JGE) return UNKNOWN;
  if (range !== BEYOND_PKT_END && range !== AT_PKT_END) return UNKNOWN;
  return op === BPF_JGE ? TAKEN : NOT_TAKEN;
}

/** A pointer and the end of what it points into (metadata ends where the packet starts). */
function isPointerAndEnd(w: Int32Array, p: number, end: number): boolean {
  return (
    (w[p + TYPE] === PTR_TO_PACKET && w[end + TYPE] === PTR_TO_PACKET_END) ||
    (w[p + TYPE] === PTR_TO_PACKET_META && isPacketStart(w, end))
  );
}

/**
 * A comparison of a packet pointer with its end teaches something on both ways; `other` is where
 * the jump is taken. False if it is no such comparison (try_match_pkt_pointers).
 */
export function matchPacketPointers(env: VerifierEnv, insn: number, other: VerifierState): boolean {
  const op = env.code.op[insn]!;
  if (!(op & BPF_X) || classOf(op) === BPF_JMP32) return false;
  const w = env.regs;
  const dst = env.code.dst[insn]!;
  const src = env.code.src[insn]!;
  const operation = op & 0xf0;
  if (!isOrder(operation)) return false;
  if (isPointerAndEnd(w, regAt(dst), regAt(src))) {
    learnRange(env.state, other, dst, operation);
    return true;
  }
  if (isPointerAndEnd(w, regAt(src), regAt(dst))) {
    learnRange(env.state, other, src, flipOpcode(operation));
    return true;
  }
  return false;
}

function isOrder(op: number): boolean {
  return op === BPF_JGT || op === BPF_JLT || op === BPF_JGE || op === BPF_JLE;
}

/** `pointer op end` is true in `taken` and false in `through`. */
function learnRange(through: VerifierState, taken: VerifierState, regno: number, op: number): void {
  const inside = op === BPF_JLT || op === BPF_JLE ? taken : through;
  const beyond = inside === taken ? through : taken;
  // `<` and its opposite `>=` tell that the byte at the pointer itself is there too.
  const open = op === BPF_JLT || op === BPF_JGE;
  findGoodPointers(inside, through.frame.words, regAt(regno), open);
  markPacketEnd(beyond, regno, !open);
}

/** All pointers of the same base get the proven range (find_good_pkt_pointers). */
function findGoodPointers(
  state: VerifierState,
  pw: Int32Array,
  p: number,
  rightOpen: boolean,
): void {
  const off = pw[p + OFF]!;
  if (off < 0 || (off === 0 && rightOpen)) return;
  const umax = pw[p + UMAX]!;
  if (pw[p + UMAX + 1] !== 0 || ult32(MAX_PACKET_OFF, umax) || umax + off > MAX_PACKET_OFF) return;
  const range = off + (rightOpen ? 1 : 0);
  const type = pw[p + TYPE]!;
  const id = pw[p + ID]!;
  eachReg(state, (w, r) => {
    if (w[r + TYPE] !== type || w[r + ID] !== id) return;
    if (range > w[r + RANGE]!) w[r + RANGE] = range;
  });
}

/** The pointer is at or beyond the packet's end (mark_pkt_end). */
function markPacketEnd(state: VerifierState, regno: number, rangeOpen: boolean): void {
  const w = state.frame.words;
  const r = regAt(regno);
  if (w[r + TYPE] !== PTR_TO_PACKET) return;
  w[r + RANGE] = rangeOpen ? BEYOND_PKT_END : AT_PKT_END;
}
