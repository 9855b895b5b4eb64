/** Conditional jumps and may_goto (check_cond_jmp_op). */
import { gates } from '../gates.ts';
import {
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_MAY_GOTO,
  classOf,
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { isPointerValue, mayBeNull } from '../mem/pointers.ts';
import { jump } from '../messages/jump.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import {
  INSN_F_DST_REG_STACK,
  INSN_F_SRC_REG_STACK,
  pushInsnHistory,
} from '../precision/history.ts';
import { checkRegArg } from '../prune/liveness.ts';
import { previousEntry, widenImpreciseScalars } from '../prune/widen.ts';
import { pushSpeculativeJump } from '../spectre/sanitize.ts';
import { pushBranch } from '../state/branches.ts';
import {
  ID,
  PTR_TO_BTF_ID,
  PTR_TO_STACK,
  REG_WORDS,
  SCALAR_VALUE,
  TYPE,
  baseType,
  regAt,
} from '../state/layout.ts';
import type { VerifierState } from '../state/state.ts';
import { isConst, markKnownInt } from '../value/bounds.ts';
import {
  type Comparison,
  NOT_TAKEN,
  TAKEN,
  UNKNOWN,
  flipOpcode,
  refineBranches,
  scalarBranchTaken,
} from '../value/refine.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import {
  LinkedRegs,
  collectLinkedRegs,
  syncEqualScalars,
  syncLinkedRegs,
} from './linked-registers.ts';
import { markPtrNotNull, markPtrOrNullRegs, regNotNull } from './null-marks.ts';
import { hasSource, opOf } from './operands.ts';
import { isPacketPointerAny, matchPacketPointers, packetBranchTaken } from './packet-range.ts';

/** Records of `env.scratch` that hold an immediate operand, one for each way (fake_reg). */
const IMMEDIATE = regAt(0);
const IMMEDIATE_TAKEN = regAt(1);

/**
 * A conditional jump or may_goto (check_cond_jmp_op). Moves `env.insnIdx` so that one more is the
 * instruction the path continues at.
 */
export function checkCondJump(env: VerifierEnv, insn: number): void {
  const op = opOf(env, insn);
  if (op === BPF_JA || op > BPF_JCOND) env.reject('EINVAL', jump.invalid_opcode(op));
  if (op === BPF_JCOND) {
    checkMayGoto(env, insn);
    return;
  }
  const d = regAt(env.code.dst[insn]!);
  checkOperands(env, insn);
  const fixed = hasSource(env, insn) ? env.regs : env.scratch;
  const s = hasSource(env, insn) ? regAt(env.code.src[insn]!) : IMMEDIATE;
  const jmp32 = classOf(env.code.op[insn]!) === BPF_JMP32;
  const taken = branchTaken(env.regs, d, fixed, s, op, jmp32);
  if (taken !== UNKNOWN) followDecided(env, insn, d, s, taken);
  else followBoth(env, insn, op, jmp32);
  env.showInsnState();
  if (taken === TAKEN) env.insnIdx += env.code.off[insn]!;
}

/** may_goto: the loop may go on or be left; what changed since the last round is widened. */
function checkMayGoto(env: VerifierEnv, insn: number): void {
  const { op, dst, src, off, imm } = env.code;
  const plain = op[insn] === (BPF_JMP | BPF_JCOND) && src[insn] === BPF_MAY_GOTO;
  if (!plain || (dst[insn]! | imm[insn]!) !== 0 || off[insn] === 0) {
    env.reject('EINVAL', jump.may_goto(off[insn]!, imm[insn]!));
  }
  const current = env.state;
  const previous = current.parent ? previousEntry(env, current.parent, insn) : undefined;
  const queued = pushBranch(env, insn + 1, insn, false);
  queued.mayGotoDepth++;
  if (previous) widenImpreciseScalars(env, previous, queued);
  env.insnIdx += off[insn]!;
}

/** Both operands may be read; an immediate one becomes a record of `env.scratch`. */
function checkOperands(env: VerifierEnv, insn: number): void {
  const { dst, src, imm } = env.code;
  checkRegArg(env, dst[insn]!, 'src');
  const w = env.regs;
  const d = regAt(dst[insn]!);
  let flags = 0;
  if (hasSource(env, insn)) {
    if (imm[insn] !== 0) env.reject('EINVAL', jump.reserved());
    checkRegArg(env, src[insn]!, 'src');
    const s = regAt(src[insn]!);
    const packets = isPacketPointerAny(w, d) && isPacketPointerAny(w, s);
    if (!packets && isPointerValue(env, src[insn]!)) {
      env.reject('EACCES', jump.pointer_comparison(src[insn]!));
    }
    if (w[s + TYPE] === PTR_TO_STACK) flags |= INSN_F_SRC_REG_STACK;
  } else {
    if (src[insn] !== 0) env.reject('EINVAL', jump.reserved());
    const fixed = env.scratch;
    fixed.fill(0, IMMEDIATE, IMMEDIATE + REG_WORDS);
    fixed[IMMEDIATE + TYPE] = SCALAR_VALUE;
    markKnownInt(fixed, IMMEDIATE, imm[insn]!);
  }
  if (w[d + TYPE] === PTR_TO_STACK) flags |= INSN_F_DST_REG_STACK;
  if (flags !== 0) pushInsnHistory(env, flags);
}

/** Whether the jump is always taken, never, or sometimes (is_branch_taken). */
function branchTaken(
  w: Int32Array,
  d: number,
  sw: Int32Array,
  s: number,
  op: number,
  jmp32: boolean,
): number {
  if (w[d + TYPE] === SCALAR_VALUE && sw[s + TYPE] === SCALAR_VALUE) {
    return scalarBranchTaken(w, d, sw, s, op, jmp32);
  }
  if (jmp32) return UNKNOWN;
  if (isPacketPointerAny(w, d) && isPacketPointerAny(sw, s)) {
    return packetBranchTaken(w, d, s, op);
  }
  if (isConst(sw, s, false)) return nullTaken(w, d, sw, s, op);
  return isConst(w, d, false) ? nullTaken(sw, s, w, d, flipOpcode(op)) : UNKNOWN;
}

/** A pointer that cannot be NULL compared with 0. */
function nullTaken(w: Int32Array, p: number, cw: Int32Array, c: number, op: number): number {
  if (!regNotNull(w, p) || !tnumEqualsConst(cw, c, 0, 0)) return UNKNOWN;
  if (op === BPF_JEQ) return NOT_TAKEN;
  return op === BPF_JNE ? TAKEN : UNKNOWN;
}

/**
 * Only one way is possible: the operands decided that, so they matter. Unprivileged, the other way
 * is walked as a misprediction.
 */
function followDecided(env: VerifierEnv, insn: number, d: number, s: number, taken: number): void {
  const w = env.regs;
  const { dst, src, off } = env.code;
  if (w[d + TYPE] === SCALAR_VALUE) markChainPrecision(env, dst[insn]!);
  if (hasSource(env, insn) && w[s + TYPE] === SCALAR_VALUE) markChainPrecision(env, src[insn]!);
  if (env.bypassSpecV1) return;
  pushSpeculativeJump(env, insn, taken === TAKEN ? insn + 1 : insn + off[insn]! + 1);
}

const linked = new LinkedRegs();

/**
 * Registers whose knowledge changes with that of the operands, put down in the history before the
 * paths part, so that both share it.
 */
function collectLinked(env: VerifierEnv, insn: number): void {
  const w = env.regs;
  const d = regAt(env.code.dst[insn]!);
  linked.count = 0;
  if (!gates.linkedHistory) return;
  if (hasSource(env, insn)) {
    const s = regAt(env.code.src[insn]!);
    if (isLinked(w, s)) collectLinkedRegs(env.state, w[s + ID]!, linked);
  }
  if (isLinked(w, d)) collectLinkedRegs(env.state, w[d + ID]!, linked);
  if (linked.count > 1) pushInsnHistory(env, 0, linked.packedLow, linked.packedHigh);
}

function isLinked(w: Int32Array, r: number): boolean {
  return w[r + TYPE] === SCALAR_VALUE && w[r + ID] !== 0;
}

/** Both ways are possible: each learns what it means that it is taken. */
function followBoth(env: VerifierEnv, insn: number, op: number, jmp32: boolean): void {
  collectLinked(env, insn);
  const other = pushBranch(env, insn + env.code.off[insn]! + 1, insn, false);
  refineOperands(env, insn, other, op, jmp32);
  if (hasSource(env, insn)) {
    const s = regAt(env.code.src[insn]!);
    syncBothWays(env, other, s);
    syncBothWays(env, other, regAt(env.code.dst[insn]!));
    if (!jmp32 && gates.comparedNullness) shareNonNull(env, insn, other, op);
  } else {
    syncBothWays(env, other, regAt(env.code.dst[insn]!));
  }
  markComparedPointers(env, insn, other, op, jmp32);
}

const comparison: Comparison = {
  trueWords1: new Int32Array(0),
  true1: 0,
  trueWords2: new Int32Array(0),
  true2: 0,
  falseWords1: new Int32Array(0),
  false1: 0,
  falseWords2: new Int32Array(0),
  false2: 0,
};

function refineOperands(
  env: VerifierEnv,
  insn: number,
  other: VerifierState,
  op: number,
  jmp32: boolean,
): void {
  const taken = other.frame.words;
  comparison.trueWords1 = taken;
  comparison.falseWords1 = env.regs;
  comparison.true1 = comparison.false1 = regAt(env.code.dst[insn]!);
  if (hasSource(env, insn)) {
    comparison.trueWords2 = taken;
    comparison.falseWords2 = env.regs;
    comparison.true2 = comparison.false2 = regAt(env.code.src[insn]!);
  } else {
    const fixed = env.scratch;
    fixed.copyWithin(IMMEDIATE_TAKEN, IMMEDIATE, IMMEDIATE + REG_WORDS);
    comparison.trueWords2 = comparison.falseWords2 = fixed;
    comparison.true2 = IMMEDIATE;
    comparison.false2 = IMMEDIATE_TAKEN;
  }
  refineBranches(env, comparison, op, jmp32);
}

/** What register `r` learned on either way, its links learn too. */
function syncBothWays(env: VerifierEnv, other: VerifierState, r: number): void {
  const w = env.regs;
  const ow = other.frame.words;
  if (!isLinked(w, r) || w[r + ID] !== ow[r + ID]) return;
  if (!gates.linkedHistory) {
    syncEqualScalars(env.state, w, r);
    syncEqualScalars(other, ow, r);
    return;
  }
  syncLinkedRegs(env.state, w, r, linked);
  syncLinkedRegs(other, ow, r, linked);
}

/** A pointer that may be NULL equals one that is not: neither is it, where they are equal. */
function shareNonNull(env: VerifierEnv, insn: number, other: VerifierState, op: number): void {
  const w = env.regs;
  const d = regAt(env.code.dst[insn]!);
  const s = regAt(env.code.src[insn]!);
  const dstType = w[d + TYPE]!;
  const srcType = w[s + TYPE]!;
  if (dstType === SCALAR_VALUE || srcType === SCALAR_VALUE) return;
  // These may be NULL without any mark.
  if (baseType(dstType) === PTR_TO_BTF_ID || baseType(srcType) === PTR_TO_BTF_ID) return;
  if (op !== BPF_JEQ && op !== BPF_JNE) return;
  const equal = op === BPF_JEQ ? other.frame.words : w;
  if (regNotNull(w, d) && mayBeNull(w[s + TYPE]!)) markPtrNotNull(env, equal, s);
  if (regNotNull(w, s) && mayBeNull(w[d + TYPE]!)) markPtrNotNull(env, equal, d);
}

/** Comparisons with NULL and with the packet's end; other pointers may not be compared. */
function markComparedPointers(
  env: VerifierEnv,
  insn: number,
  other: VerifierState,
  op: number,
  jmp32: boolean,
): void {
  const dst = env.code.dst[insn]!;
  const withZero = !jmp32 && !hasSource(env, insn) && env.code.imm[insn] === 0;
  const equality = op === BPF_JEQ || op === BPF_JNE;
  if (withZero && equality && mayBeNull(env.regs[regAt(dst) + TYPE]!)) {
    markPtrOrNullRegs(env, env.state, dst, op === BPF_JNE);
    markPtrOrNullRegs(env, other, dst, op === BPF_JEQ);
  } else if (!matchPacketPointers(env, insn, other) && isPointerValue(env, dst)) {
    env.reject('EACCES', jump.pointer_comparison(dst));
  }
}
