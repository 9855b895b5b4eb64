/**
 * Speculative execution (Spectre v1), for programs without CAP_PERFMON: pointer arithmetic gets a
 * mask for its offset, paths that only a misprediction can take are walked as well. Mirrors the
 * sanitize_* functions.
 */
import { BPF_ADD, BPF_SUB, BPF_X } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { checkMapAccess } from '../mem/map-value.ts';
import { spectre } from '../messages/spectre.ts';
import { Rejection } from '../reject.ts';
import { pushBranch } from '../state/branches.ts';
import {
  MAP,
  MASK,
  MAX_STACK,
  OFF,
  PTR_TO_MAP_VALUE,
  PTR_TO_STACK,
  SMAX,
  SMIN,
  TYPE,
  UMAX,
  VALUE,
  regAt,
} from '../state/layout.ts';
import { markUnknown } from '../value/bounds.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { ult32 } from '../value/u64.ts';

// Bits of InsnAux.aluState.
export const BPF_ALU_SANITIZE_SRC = 1 << 0;
const BPF_ALU_SANITIZE_DST = 1 << 1;
export const BPF_ALU_SANITIZE = BPF_ALU_SANITIZE_SRC | BPF_ALU_SANITIZE_DST;
export const BPF_ALU_NEG_VALUE = 1 << 2;
export const BPF_ALU_NON_POINTER = 1 << 3;
export const BPF_ALU_IMMEDIATE = 1 << 4;

/** How far the pointer may move, as known before the operation (struct bpf_sanitize_info). */
export interface AluWindow {
  readonly state: number;
  readonly limit: number;
  readonly maskToLeft: boolean;
}

/** Notes that the walk saw the instruction, unless only speculatively (sanitize_mark_insn_seen). */
export function sanitizeMarkSeen(env: VerifierEnv): void {
  if (!env.state.speculative) env.aux.seen[env.insnIdx] = env.passCount;
}

/** True for the operations that get a mask (sanitize_needed). */
export function isSanitized(op: number): boolean {
  return op === BPF_ADD || op === BPF_SUB;
}

/** Privileged programs and immediate operands need no mask (can_skip_alu_sanitation). */
function needsNoMask(env: VerifierEnv, insn: number): boolean {
  return env.bypassSpecV1 || (env.code.op[insn]! & BPF_X) === 0;
}

const operationText = (env: VerifierEnv, insn: number) =>
  (env.code.op[insn]! & 0xf0) === BPF_ADD ? 'add' : 'sub';

/** The instruction gets its mask; every path to it must agree (update_alu_sanitation_state). */
function setMask(env: VerifierEnv, insn: number, state: number, limit: number): void {
  const { aluState, aluLimit } = env.aux;
  const old = aluState[insn]!;
  if (old !== 0 && (old !== state || aluLimit[insn] !== limit >>> 0)) {
    env.reject('EACCES', spectre.paths(env.code.dst[insn]!, operationText(env, insn)));
  }
  aluState[insn] = state;
  aluLimit[insn] = limit;
}

/** Both operands are scalars: no mask must be here (sanitize_val_alu). */
export function sanitizeScalarAlu(env: VerifierEnv, insn: number): void {
  if (!needsNoMask(env, insn)) setMask(env, insn, BPF_ALU_NON_POINTER, 0);
}

/**
 * Walks also what only a misprediction runs: from `next`, where the operands of the comparison
 * `insn` may be anything (sanitize_speculative_path).
 */
export function pushSpeculativeJump(env: VerifierEnv, insn: number, next: number): void {
  const branch = pushBranch(env, next, env.insnIdx, true);
  const w = branch.frame.words;
  markUnknown(env, w, regAt(env.code.dst[insn]!));
  if (env.code.op[insn]! & BPF_X) markUnknown(env, w, regAt(env.code.src[insn]!));
}

/**
 * Bytes pointer `p` may move in the direction of the window (retrieve_ptr_limit). Rejects pointers
 * that cannot be masked.
 */
function pointerLimit(env: VerifierEnv, insn: number, p: number, maskToLeft: boolean): number {
  const w = env.regs;
  let max = MAX_STACK + (maskToLeft ? 1 : 0);
  let limit: number;
  if (w[p + TYPE] === PTR_TO_STACK) {
    limit = -(w[p + VALUE]! + w[p + OFF]!) | 0;
  } else if (w[p + TYPE] === PTR_TO_MAP_VALUE) {
    max = env.maps[w[p + MAP]! - 1]!.valueSize;
    limit = (w[p + (maskToLeft ? SMIN : UMAX)]! + w[p + OFF]!) | 0;
  } else {
    env.reject('EACCES', spectre.unsupported(env.code.dst[insn]!));
  }
  if (!ult32(limit, max)) {
    env.reject('EACCES', spectre.beyond(env.code.dst[insn]!, operationText(env, insn)));
  }
  return limit;
}

/**
 * Before pointer `p` moves by `(ow, o)`: the window it may move in, and the walk of what happens if
 * the mask makes the offset 0. Undefined when there is nothing to mask or to close afterwards
 * (sanitize_ptr_alu).
 */
export function openWindow(
  env: VerifierEnv,
  insn: number,
  p: number,
  ow: Int32Array,
  o: number,
): AluWindow | undefined {
  if (needsNoMask(env, insn)) return undefined;
  const constant = tnumIsConst(ow, o);
  let window: AluWindow | undefined;
  if (!env.state.speculative) {
    const negative = ow[o + SMIN + 1]! < 0;
    if (!constant && negative !== ow[o + SMAX + 1]! < 0) {
      env.reject('EACCES', spectre.mixed_bounds(env.code.src[insn]!));
    }
    const maskToLeft = negative === ((env.code.op[insn]! & 0xf0) === BPF_ADD);
    const limit = pointerLimit(env, insn, p, maskToLeft);
    const masked = p === regAt(env.code.dst[insn]!) ? BPF_ALU_SANITIZE_SRC : BPF_ALU_SANITIZE_DST;
    const kind = (negative ? BPF_ALU_NEG_VALUE : 0) | (constant ? BPF_ALU_IMMEDIATE : 0);
    if (!constant) env.exploreAluLimits = true;
    window = { state: masked | kind, limit, maskToLeft };
  }
  if (!constant) pushMasked(env, insn);
  return window;
}

/** The walk of the pointer that did not move. */
function pushMasked(env: VerifierEnv, insn: number): void {
  try {
    pushBranch(env, env.insnIdx + 1, env.insnIdx, true);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    env.reject('EACCES', spectre.not_pushed(env.code.dst[insn]!));
  }
}

/** After the move: how far it went is what the mask lets through (sanitize_ptr_alu, commit). */
export function closeWindow(env: VerifierEnv, insn: number, window: AluWindow): void {
  const d = regAt(env.code.dst[insn]!);
  const limit = pointerLimit(env, insn, d, window.maskToLeft);
  setMask(env, insn, window.state, Math.abs((window.limit - limit) | 0));
}

/** Unprivileged, the moved pointer must stay within its object (sanitize_check_bounds). */
export function checkSpeculativeBounds(env: VerifierEnv, dst: number): void {
  if (env.bypassSpecV1) return;
  const w = env.regs;
  const d = regAt(dst);
  if (w[d + TYPE] === PTR_TO_STACK) checkStackPointer(env, dst);
  if (w[d + TYPE] !== PTR_TO_MAP_VALUE) return;
  try {
    checkMapAccess(env, dst, w[d + OFF]!, 1, false, 'helper');
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    env.reject('EACCES', spectre.map_out_of_range(dst));
  }
}

/** Constant and inside the stack (check_stack_access_for_ptr_arithmetic). */
function checkStackPointer(env: VerifierEnv, dst: number): void {
  const w = env.regs;
  const d = regAt(dst);
  const off = (w[d + OFF]! + w[d + VALUE]!) | 0;
  if (!tnumIsConst(w, d)) {
    const variable = tnumText(w, d + VALUE, d + MASK);
    env.reject('EACCES', spectre.stack_variable(dst, variable, off));
  }
  if (off >= 0 || off < -MAX_STACK) env.reject('EACCES', spectre.stack_out_of_range(dst, off));
}
