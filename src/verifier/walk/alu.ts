/** Arithmetic instructions (check_alu_op and adjust_reg_min_max_vals). */
import { gates } from '../gates.ts';
import { BPF_MAP_TYPE_ARENA } from '../../abi/generated/6.12/constants.ts';
import {
  BPF_ADD,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
  classOf,
} from '../../isa/index.ts';
import { AUX_NEEDS_ZEXT, type VerifierEnv } from '../env.ts';
import { isPointerValue } from '../mem/pointers.ts';
import { alu } from '../messages/alu.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { checkRegArg } from '../prune/liveness.ts';
import { isSanitized, sanitizeScalarAlu } from '../spectre/sanitize.ts';
import { pushBranch } from '../state/branches.ts';
import {
  BPF_ADD_CONST,
  DEF_NOT_SUBREG,
  ID,
  LIVE,
  MASK,
  OFF,
  PRECISE,
  PTR_TO_ARENA,
  REG_LIVE_WRITTEN,
  REG_WORDS,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  SUBREG_DEF,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  regAt,
} from '../state/layout.ts';
import {
  clearScalarId,
  copyRegister,
  isConst,
  markKnown,
  markKnownInt,
  markUnknown,
  sanityCheckBounds,
  setValue32,
} from '../value/bounds.ts';
import { coerceSubregToSizeSx, coerceToSizeSx, zext32to64 } from '../value/coerce.ts';
import { scalarOp } from '../value/scalar-ops.ts';
import { syncBounds } from '../value/sync.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { ult32 } from '../value/u64.ts';
import { assignScalarIdBeforeMov } from './linked-registers.ts';
import { hasSource, opOf } from './operands.ts';
import { adjustPointer, operatorText } from './pointer-arithmetic.ts';

/** Record of `env.scratch`: an immediate operand, or a copy of one that is also written. */
const OPERAND = regAt(2);

const is64 = (env: VerifierEnv, insn: number) => classOf(env.code.op[insn]!) === BPF_ALU64;

/** An arithmetic instruction (check_alu_op). */
export function checkAlu(env: VerifierEnv, insn: number): void {
  const op = opOf(env, insn);
  if (op === BPF_NEG || op === BPF_END) checkUnary(env, insn, op);
  else if (op === BPF_MOV) checkMov(env, insn);
  else if (op > BPF_END) env.reject('EINVAL', alu.invalid_opcode(op));
  else checkBinary(env, insn, op);
  sanityCheckBounds(env, env.regs, regAt(env.code.dst[insn]!), 'alu');
}

/** Negation and byte swaps: the result is any scalar. */
function checkUnary(env: VerifierEnv, insn: number, op: number): void {
  if (op === BPF_NEG ? !isPlainNeg(env, insn) : !isPlainEnd(env, insn)) {
    env.reject('EINVAL', alu.reserved(op === BPF_NEG ? 'BPF_NEG' : 'BPF_END'));
  }
  const dst = env.code.dst[insn]!;
  checkRegArg(env, dst, 'src');
  if (isPointerValue(env, dst)) env.reject('EACCES', alu.pointer_prohibited(dst));
  checkRegArg(env, dst, 'dst');
}

function isPlainNeg(env: VerifierEnv, insn: number): boolean {
  const { src, off, imm } = env.code;
  return !hasSource(env, insn) && (src[insn]! | off[insn]! | imm[insn]!) === 0;
}

function isPlainEnd(env: VerifierEnv, insn: number): boolean {
  const { src, off, imm } = env.code;
  if ((src[insn]! | off[insn]!) !== 0) return false;
  if (imm[insn] !== 16 && imm[insn] !== 32 && imm[insn] !== 64) return false;
  return !is64(env, insn) || (gates.cpuV4 && !hasSource(env, insn));
}

function checkMov(env: VerifierEnv, insn: number): void {
  const { dst, src } = env.code;
  if (hasSource(env, insn)) {
    checkMovFields(env, insn);
    checkRegArg(env, src[insn]!, 'src');
  } else if ((src[insn]! | env.code.off[insn]!) !== 0) {
    env.reject('EINVAL', alu.reserved('BPF_MOV'));
  }
  checkRegArg(env, dst[insn]!, 'dst_no_mark');
  if (!hasSource(env, insn)) movImmediate(env, insn);
  else if (is64(env, insn)) mov64(env, insn);
  else mov32(env, insn);
}

/** Bits a move may take with sign extension; 0 takes all. */
function isMovWidth(off: number, wide: boolean): boolean {
  if (!gates.cpuV4) return off === 0;
  return off === 0 || off === 8 || off === 16 || (wide && off === 32);
}

function checkMovFields(env: VerifierEnv, insn: number): void {
  const off = env.code.off[insn]!;
  const imm = env.code.imm[insn]!;
  if (is64(env, insn) && off === BPF_ADDR_SPACE_CAST && gates.arena) {
    if (imm !== 1 && imm !== 1 << 16) env.reject('EINVAL', alu.cast_spaces());
    if (!hasArena(env)) env.reject('EINVAL', alu.cast_without_arena());
    return;
  }
  if (!isMovWidth(off, is64(env, insn)) || imm !== 0) {
    env.reject('EINVAL', alu.reserved('BPF_MOV'));
  }
}

function hasArena(env: VerifierEnv): boolean {
  return env.maps.some((map) => map.type === BPF_MAP_TYPE_ARENA);
}

function movImmediate(env: VerifierEnv, insn: number): void {
  const w = env.regs;
  const d = regAt(env.code.dst[insn]!);
  const imm = env.code.imm[insn]!;
  markUnknown(env, w, d);
  markKnown(w, d, imm, is64(env, insn) ? imm >> 31 : 0);
}

/** The register was written as a copy. */
function markCopied(w: Int32Array, d: number, subregDef: number): void {
  w[d + LIVE]! |= REG_LIVE_WRITTEN;
  w[d + SUBREG_DEF] = subregDef;
}

/** `r1 = r2`, `r1 = (s8, s16, s32)r2`, and casts between address spaces. */
function mov64(env: VerifierEnv, insn: number): void {
  const w = env.regs;
  const src = env.code.src[insn]!;
  const d = regAt(env.code.dst[insn]!);
  const s = regAt(src);
  const off = env.code.off[insn]!;
  if (env.code.imm[insn] !== 0) {
    castAddressSpace(env, d, env.code.imm[insn]!);
  } else if (off === 0) {
    assignScalarIdBeforeMov(env, w, s);
    copyRegister(w, d, w, s);
    markCopied(w, d, DEF_NOT_SUBREG);
  } else if (isPointerValue(env, src)) {
    env.reject('EACCES', alu.sign_extension(src));
  } else if (w[s + TYPE] === SCALAR_VALUE) {
    copyLinked(env, w, d, s, fitsPositive(w, s, off));
    coerceToSizeSx(w, d, off >> 3);
    markCopied(w, d, DEF_NOT_SUBREG);
  } else {
    markUnknown(env, w, d);
  }
}

function castAddressSpace(env: VerifierEnv, d: number, spaces: number): void {
  const w = env.regs;
  markUnknown(env, w, d);
  if (spaces !== 1) return;
  w[d + TYPE] = PTR_TO_ARENA;
  w[d + SUBREG_DEF] = env.insnIdx + 1;
}

/** True if the value's sign-extended low `bits` are the value itself, a positive number. */
function fitsPositive(w: Int32Array, r: number, bits: number): boolean {
  return w[r + UMAX + 1] === 0 && ult32(w[r + UMAX]!, 1 << (bits - 1));
}

/** Copies a scalar; the copy stays linked with it only if it has the same value (`same`). */
function copyLinked(env: VerifierEnv, w: Int32Array, d: number, s: number, same: boolean): void {
  if (same) assignScalarIdBeforeMov(env, w, s);
  copyRegister(w, d, w, s);
  if (!same) clearScalarId(w, d);
}

/** `w1 = w2`, `w1 = (s8, s16)w2`. */
function mov32(env: VerifierEnv, insn: number): void {
  const w = env.regs;
  const src = env.code.src[insn]!;
  const d = regAt(env.code.dst[insn]!);
  const s = regAt(src);
  const off = env.code.off[insn]!;
  if (isPointerValue(env, src)) env.reject('EACCES', alu.partial_copy(src));
  if (w[s + TYPE] === SCALAR_VALUE) {
    const mayLink = gates.linkedNarrowing;
    const same = !mayLink ? false : off === 0 ? w[s + UMAX + 1] === 0 : fitsPositive(w, s, off);
    copyLinked(env, w, d, s, same);
    markCopied(w, d, env.insnIdx + 1);
    if (off !== 0) coerceSubregToSizeSx(w, d, off >> 3);
  } else {
    markUnknown(env, w, d);
  }
  zext32to64(w, d);
  syncBounds(w, d);
}

/** All other operations: two operands, the first is the destination. */
function checkBinary(env: VerifierEnv, insn: number, op: number): void {
  const { dst, src, imm } = env.code;
  if (!isPlainBinary(env, insn, op)) env.reject('EINVAL', alu.reserved('BPF_ALU'));
  if (hasSource(env, insn)) checkRegArg(env, src[insn]!, 'src');
  checkRegArg(env, dst[insn]!, 'src');
  if (!hasSource(env, insn)) checkImmediate(env, insn, op, imm[insn]!);
  checkRegArg(env, dst[insn]!, 'dst_no_mark');
  adjustRegister(env, insn, op);
}

function isPlainBinary(env: VerifierEnv, insn: number, op: number): boolean {
  const { src, off, imm } = env.code;
  const signed = gates.cpuV4 && off[insn] === 1 && (op === BPF_MOD || op === BPF_DIV);
  if (off[insn] !== 0 && !signed) return false;
  return (hasSource(env, insn) ? imm[insn] : src[insn]) === 0;
}

function checkImmediate(env: VerifierEnv, insn: number, op: number, imm: number): void {
  if ((op === BPF_MOD || op === BPF_DIV) && imm === 0) env.reject('EINVAL', alu.div_by_zero());
  if (!isShift(op)) return;
  if (imm < 0 || imm >= (is64(env, insn) ? 64 : 32)) {
    env.reject('EINVAL', alu.invalid_shift(imm));
  }
}

function isShift(op: number): boolean {
  return op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH;
}

/** Works out the destination (adjust_reg_min_max_vals). */
function adjustRegister(env: VerifierEnv, insn: number, op: number): void {
  const w = env.regs;
  const d = regAt(env.code.dst[insn]!);
  const s = hasSource(env, insn) ? regAt(env.code.src[insn]!) : -1;
  if (w[d + TYPE] === PTR_TO_ARENA || (s >= 0 && w[s + TYPE] === PTR_TO_ARENA)) {
    adjustArena(env, insn, d, s);
  } else if (s < 0) {
    const operand = env.scratch;
    operand[OPERAND + TYPE] = SCALAR_VALUE;
    markKnownInt(operand, OPERAND, env.code.imm[insn]!);
    if (w[d + TYPE] !== SCALAR_VALUE) adjustPointer(env, insn, d, operand, OPERAND);
    else adjustScalar(env, insn, operand, OPERAND, op);
  } else if (w[s + TYPE] !== SCALAR_VALUE) {
    adjustWithPointer(env, insn, op, d, s);
  } else if (w[d + TYPE] !== SCALAR_VALUE) {
    markChainPrecision(env, env.code.src[insn]!);
    adjustPointer(env, insn, d, w, s);
  } else {
    if (w[d + PRECISE] !== 0) markChainPrecision(env, env.code.src[insn]!);
    if (s === d) copyRegister(env.scratch, OPERAND, w, d);
    if (s === d) adjustScalar(env, insn, env.scratch, OPERAND, op);
    else adjustScalar(env, insn, w, s, op);
  }
}

/** Any arithmetic on pointers into an arena is fine: they are 32 bits wide. */
function adjustArena(env: VerifierEnv, insn: number, d: number, s: number): void {
  const w = env.regs;
  if (w[d + TYPE] !== PTR_TO_ARENA) w.copyWithin(d, s, s + REG_WORDS);
  w[d + SUBREG_DEF] = env.insnIdx + 1;
  if (is64(env, insn)) env.aux.flags[insn]! |= AUX_NEEDS_ZEXT;
}

/** The source is a pointer: the destination must be a scalar, but for differences. */
function adjustWithPointer(env: VerifierEnv, insn: number, op: number, d: number, s: number): void {
  const w = env.regs;
  const dst = env.code.dst[insn]!;
  if (w[d + TYPE] === SCALAR_VALUE) {
    markChainPrecision(env, dst);
    copyRegister(env.scratch, OPERAND, w, d);
    adjustPointer(env, insn, s, env.scratch, OPERAND);
  } else if (op === BPF_SUB && env.allowPtrLeaks) {
    markUnknown(env, w, d);
  } else {
    env.reject('EACCES', alu.pointer_and_pointer(dst, operatorText(op)));
  }
}

/** True if the result can be known at all (is_safe_to_compute_dst_reg_range). */
function isComputable(sw: Int32Array, s: number, op: number, alu32: boolean): boolean {
  switch (op) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_AND:
      return true;
    case BPF_XOR:
    case BPF_OR:
    case BPF_MUL:
      return gates.unknownOperands || isKnown(sw, s, alu32);
    case BPF_LSH:
    case BPF_RSH:
    case BPF_ARSH:
      if (sw[s + UMAX + 1] !== 0 || !ult32(sw[s + UMAX]!, alu32 ? 32 : 64)) return false;
      return isKnown(sw, s, alu32);
    default:
      return false;
  }
}

function isKnown(w: Int32Array, r: number, alu32: boolean): boolean {
  return alu32 ? isKnown32(w, r) : isKnown64(w, r);
}

function isKnown32(w: Int32Array, r: number): boolean {
  return (
    w[r + MASK] === 0 && w[r + S32_MIN] === w[r + S32_MAX] && w[r + U32_MIN] === w[r + U32_MAX]
  );
}

function isKnown64(w: Int32Array, r: number): boolean {
  return (
    tnumIsConst(w, r) &&
    w[r + SMIN] === w[r + SMAX] &&
    w[r + SMIN + 1] === w[r + SMAX + 1] &&
    w[r + UMIN] === w[r + UMAX] &&
    w[r + UMIN + 1] === w[r + UMAX + 1]
  );
}

/** Scalar op scalar (adjust_scalar_min_max_vals, and the links of scalars that are kept). */
function adjustScalar(env: VerifierEnv, insn: number, sw: Int32Array, s: number, op: number): void {
  const w = env.regs;
  const d = regAt(env.code.dst[insn]!);
  const alu32 = !is64(env, insn);
  if (isComputable(sw, s, op, alu32)) {
    if (isSanitized(op)) sanitizeScalarAlu(env, insn);
    if ((op === BPF_AND || op === BPF_OR) && gates.forkedMasks && tnumIsConst(sw, s)) {
      forkTruthValue(env, insn, d);
    }
    scalarOp(w, d, sw, s, op, alu32);
  } else {
    markUnknown(env, w, d);
  }
  if (op === BPF_ADD && !alu32 && env.bpfCapable && gates.linkedHistory)
    linkSum(env, insn, d, sw, s);
  else clearScalarId(w, d);
}

/**
 * A value that is 0 or -1 (what a comparison without branches makes): walks both, each as a
 * constant (maybe_fork_scalars).
 */
function forkTruthValue(env: VerifierEnv, insn: number, d: number): void {
  const w = env.regs;
  const wide = (w[d + SMIN]! & w[d + SMIN + 1]!) === -1 && (w[d + SMAX]! | w[d + SMAX + 1]!) === 0;
  if (!wide && (w[d + S32_MIN] !== -1 || w[d + S32_MAX] !== 0)) return;
  const branch = pushBranch(env, insn, insn, false);
  const bw = branch.frame.words;
  if (wide) {
    markKnown(bw, d, 0, 0);
    markKnown(w, d, -1, -1);
  } else {
    setValue32(bw, d, 0);
    setValue32(w, d, -1);
  }
}

/**
 * `r1 = r2; r1 += constant`: the two stay linked, so that a comparison of one tells of the other.
 * Only one addition is remembered.
 */
function linkSum(env: VerifierEnv, insn: number, d: number, sw: Int32Array, s: number): void {
  const w = env.regs;
  const ownSource = hasSource(env, insn) && env.code.src[insn] === env.code.dst[insn];
  if (w[d + ID] === 0 || ownSource || !isConst(sw, s, false)) {
    clearScalarId(w, d);
    return;
  }
  const delta = sw[s + VALUE]!;
  if ((w[d + ID]! & BPF_ADD_CONST) !== 0 || sw[s + VALUE + 1] !== 0 || delta < 0) {
    clearScalarId(w, d);
    return;
  }
  w[d + ID]! |= BPF_ADD_CONST;
  w[d + OFF] = delta;
}
