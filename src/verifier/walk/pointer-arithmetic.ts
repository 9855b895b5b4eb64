/** Adding a scalar to a pointer, and taking one from it (adjust_ptr_min_max_vals). */
import { BPF_ADD, BPF_ALU64, BPF_AND, BPF_OR, BPF_SUB, BPF_XOR, classOf } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { isPacketType, mayBeNull } from '../mem/pointers.ts';
import { alu } from '../messages/alu.ts';
import {
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  ID,
  OFF,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  REG_WORDS,
  SMAX,
  SMIN,
  TYPE,
  U0,
  U3,
  UMAX,
  UMIN,
  VALUE,
  baseType,
  regAt,
} from '../state/layout.ts';
import {
  checkSpeculativeBounds,
  closeWindow,
  isSanitized,
  openWindow,
} from '../spectre/sanitize.ts';
import { markUnbounded32, markUnknown, syncBounds } from '../value/bounds.ts';
import { addSigned64, addUnsigned64, subSigned64, subUnsigned64 } from '../value/scalar-ops.ts';
import { tnumAdd, tnumIsConst, tnumSub } from '../value/tnum.ts';
import { MIN32, slt, ult } from '../value/u64.ts';

/** Offsets of pointers stay strictly within this, in either direction. */
export const BPF_MAX_VAR_OFF = 1 << 29;

const OPERATORS: readonly string[] = '+= -= *= /= |= &= <<= >>= neg %= ^= = s>>= endian'.split(' ');

/** The C operator of an arithmetic operation (bpf_alu_string). */
export function operatorText(op: number): string {
  return OPERATORS[op >> 4] ?? '(null)';
}

/** Pointers that may move. */
const MOVABLE = new Set([
  PTR_TO_CTX,
  PTR_TO_MAP_VALUE,
  PTR_TO_MAP_KEY,
  PTR_TO_STACK,
  PTR_TO_PACKET_META,
  PTR_TO_PACKET,
  PTR_TO_TP_BUFFER,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_BUF,
  PTR_TO_FUNC,
  CONST_PTR_TO_DYNPTR,
]);

/**
 * Destination register of `insn` = pointer `p` (a register of the running frame) op scalar
 * `(ow, o)`. The scalar must not be the destination's record.
 */
export function adjustPointer(
  env: VerifierEnv,
  insn: number,
  p: number,
  ow: Int32Array,
  o: number,
): void {
  const w = env.regs;
  const dst = env.code.dst[insn]!;
  const d = regAt(dst);
  if (offsetIsBroken(ow, o)) {
    markUnknown(env, w, d);
    return;
  }
  const op = env.code.op[insn]! & 0xf0;
  if (classOf(env.code.op[insn]!) !== BPF_ALU64) {
    if (op !== BPF_SUB || !env.allowPtrLeaks) env.reject('EACCES', alu.pointer_32(dst));
    markUnknown(env, w, d);
    return;
  }
  checkMovable(env, dst, w[p + TYPE]!, op, ow, o);
  // `scalar += pointer` makes the destination that pointer, with all that hangs on it.
  if (d !== p) w.copyWithin(d, p, p + REG_WORDS);
  const type = w[p + TYPE]!;
  checkSaneOffset(env, ow, o, type);
  checkSaneOffset(env, w, p, type);
  const window = isSanitized(op) ? openWindow(env, insn, p, ow, o) : undefined;
  markUnbounded32(w, d);
  if (op === BPF_ADD) addOffset(env, w, d, ow, o);
  else if (op === BPF_SUB) subtractOffset(env, dst, p, ow, o);
  else rejectOperator(env, dst, op);
  checkSaneOffset(env, w, d, type);
  syncBounds(w, d);
  checkSpeculativeBounds(env, dst);
  if (window) closeWindow(env, insn, window);
}

/** Bounds that contradict each other: a branch that cannot be taken. */
function offsetIsBroken(w: Int32Array, r: number): boolean {
  if (slt(w[r + SMAX]!, w[r + SMAX + 1]!, w[r + SMIN]!, w[r + SMIN + 1]!)) return true;
  if (ult(w[r + UMAX]!, w[r + UMAX + 1]!, w[r + UMIN]!, w[r + UMIN + 1]!)) return true;
  if (!tnumIsConst(w, r)) return false;
  return (
    w[r + SMIN] !== w[r + SMAX] ||
    w[r + SMIN + 1] !== w[r + SMAX + 1] ||
    w[r + UMIN] !== w[r + UMAX] ||
    w[r + UMIN + 1] !== w[r + UMAX + 1]
  );
}

function checkMovable(
  env: VerifierEnv,
  dst: number,
  type: number,
  op: number,
  ow: Int32Array,
  o: number,
): void {
  if (mayBeNull(type)) env.reject('EACCES', alu.pointer_maybe_null(dst, typeText(type)));
  const base = baseType(type);
  if (MOVABLE.has(base)) return;
  const known = tnumIsConst(ow, o);
  if (base === PTR_TO_FLOW_KEYS && known) return;
  if (base === CONST_PTR_TO_MAP && known && op === BPF_ADD) {
    if ((ow[o + SMIN]! | ow[o + SMIN + 1]!) === 0) return;
  }
  env.reject('EACCES', alu.pointer_type(dst, typeText(type)));
}

/** True if the number is within BPF_MAX_VAR_OFF. */
function isSane(low: number, high: number): boolean {
  return high === low >> 31 && low < BPF_MAX_VAR_OFF && low > -BPF_MAX_VAR_OFF;
}

function signed64(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** Offsets must be small enough that sums of them cannot overflow (check_reg_sane_offset). */
function checkSaneOffset(env: VerifierEnv, w: Int32Array, r: number, type: number): void {
  const value = w[r + VALUE]!;
  const valueHigh = w[r + VALUE + 1]!;
  if (tnumIsConst(w, r) && !isSane(value, valueHigh)) {
    env.reject('EINVAL', alu.offset_constant(typeText(type), signed64(value, valueHigh)));
  }
  const off = w[r + OFF]!;
  if (!isSane(off, off >> 31)) env.reject('EINVAL', alu.offset_fixed(typeText(type), off));
  const min = w[r + SMIN]!;
  const minHigh = w[r + SMIN + 1]!;
  if (min === 0 && minHigh === MIN32) env.reject('EINVAL', alu.offset_unbounded(typeText(type)));
  if (!isSane(min, minHigh)) {
    env.reject('EINVAL', alu.offset_out_of_bounds(typeText(type), signed64(min, minHigh)));
  }
}

/** The packet pointer moved by an unknown number: a new base, of which no byte is proven. */
function rebasePacket(env: VerifierEnv, w: Int32Array, d: number, keepRange: boolean): void {
  w[d + ID] = env.newId();
  if (!keepRange) w.fill(0, d + U0, d + U3 + 1);
}

/** A constant moves the fixed offset (it was checked to be small), anything else the variable. */
function addOffset(env: VerifierEnv, w: Int32Array, d: number, ow: Int32Array, o: number): void {
  if (tnumIsConst(ow, o)) {
    w[d + OFF]! += ow[o + SMIN]!;
    return;
  }
  addSigned64(w, d, ow, o);
  addUnsigned64(w, d, ow, o);
  tnumAdd(w, d, w, d, ow, o);
  if (isPacketType(w[d + TYPE]!)) rebasePacket(env, w, d, false);
}

function subtractOffset(env: VerifierEnv, dst: number, p: number, ow: Int32Array, o: number): void {
  const w = env.regs;
  const d = regAt(dst);
  if (d !== p) env.reject('EACCES', alu.pointer_from_scalar(dst));
  if (w[d + TYPE] === PTR_TO_STACK) env.reject('EACCES', alu.stack_subtraction(dst));
  if (tnumIsConst(ow, o)) {
    w[d + OFF]! -= ow[o + SMIN]!;
    return;
  }
  subSigned64(w, d, ow, o);
  subUnsigned64(w, d, ow, o);
  tnumSub(w, d, w, d, ow, o);
  if (isPacketType(w[d + TYPE]!)) rebasePacket(env, w, d, ow[o + SMIN + 1]! >= 0);
}

function rejectOperator(env: VerifierEnv, dst: number, op: number): never {
  const bitwise = op === BPF_AND || op === BPF_OR || op === BPF_XOR;
  const message = bitwise ? alu.pointer_bitwise : alu.pointer_operator;
  env.reject('EACCES', message(dst, operatorText(op)));
}
