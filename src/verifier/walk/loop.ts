import { gates } from '../gates.ts';
import { helperContract } from '../../abi/index.ts';
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_EXIT,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
} from '../../isa/index.ts';
import { checkFuncCall } from '../call/subprogram.ts';
import { checkHelperCall } from '../call/helper.ts';
import { checkKfuncCall } from '../call/kfunc.ts';
import { checkReferenceLeak, prepareFuncExit } from '../call/exit.ts';
import { isGraphKfunc, isThrowKfunc } from '../cfg/kfuncs.ts';
import {
  AUX_JMP_POINT,
  AUX_PRUNE_POINT,
  COMPLEXITY_LIMIT_INSNS,
  type VerifierEnv,
} from '../env.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
import { checkAtomic, checkLoad, checkStoreImm, checkStoreReg } from '../mem/load-store.ts';
import { flow } from '../messages/flow.ts';
import { pushInsnHistory } from '../precision/history.ts';
import { isStateVisited } from '../prune/visited.ts';
import { Rejection } from '../reject.ts';
import { sanitizeMarkSeen } from '../spectre/sanitize.ts';
import { popBranch, pushBranch, updateBranchCounts } from '../state/branches.ts';
import { checkAlu } from './alu.ts';
import { checkCondJump } from './jump.ts';
import { checkLdAbs } from './ld-abs.ts';
import { checkLdImm64 } from './ld-imm64.ts';
import { checkReturnCode } from './return-code.ts';

/** The path goes on at the next instruction; where `env.insnIdx` points; or it ended. */
const NEXT = 0;
const JUMPED = 1;
const RETURNED = 2;
const ENDED = 3;
type Step = typeof NEXT | typeof JUMPED | typeof RETURNED | typeof ENDED;

/**
 * Walks every path from `env.insnIdx` on with `env.state`, until none is left (do_check). Throws
 * `Rejection`, unless the observer wants to see the other paths.
 */
export function doCheck(env: VerifierEnv): void {
  let previous = -1;
  for (;;) {
    try {
      walkPaths(env, previous);
      return;
    } catch (error) {
      if (!(error instanceof Rejection) || !env.observer?.rejected?.(env.insnIdx)) throw error;
      if (!nextPath(env)) return;
      previous = env.prevInsnIdx;
    }
  }
}

function walkPaths(env: VerifierEnv, start: number): void {
  const { aux, length } = env;
  // Whether the log shows all registers before the next instruction. Only level 2 does, and below
  // it stays set: words about pruned paths depend on it.
  let showState = false;
  let resumed = false;
  let previous = start;
  for (;;) {
    env.history.current = -1;
    env.prevInsnIdx = previous;
    const insn = env.insnIdx;
    if (insn >= length) env.reject('EFAULT', flow.insn_out_of_program(insn, length));
    if (++env.insnProcessed > COMPLEXITY_LIMIT_INSNS) {
      env.reject('E2BIG', flow.too_large(env.insnProcessed));
    }
    env.state.lastInsnIdx = previous;
    const flags = aux.flags[insn]!;
    let step: Step = ENDED;
    if (flags & AUX_PRUNE_POINT && isStateVisited(env, insn)) {
      env.observer?.pruned?.(previous, insn, showState);
    } else {
      if (flags & AUX_JMP_POINT) pushInsnHistory(env, 0);
      if (env.observer) {
        if (resumed) env.observer.resumed?.(previous, insn);
        if (env.logLevel & BPF_LOG_LEVEL2) showState = false;
        resumed = false;
        env.observer.insn?.();
      }
      sanitizeMarkSeen(env);
      previous = insn;
      step = checkInsn(env, insn);
    }
    if (step === NEXT) {
      env.insnIdx++;
    } else if (step === RETURNED) {
      resumed = showState = true;
    } else if (step === ENDED) {
      if (!nextPath(env)) return;
      previous = env.prevInsnIdx;
      resumed = showState = true;
    }
  }
}

/** Ends the running path; false if there is no other. */
function nextPath(env: VerifierEnv): boolean {
  env.scratchAll(true);
  updateBranchCounts(env.state);
  return popBranch(env);
}

function checkInsn(env: VerifierEnv, insn: number): Step {
  const op = env.code.op[insn]!;
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
      checkAlu(env, insn);
      return NEXT;
    case BPF_LDX:
      checkLoad(env, insn, false, (op & 0xe0) === BPF_MEMSX, true);
      return NEXT;
    case BPF_STX:
      return checkStx(env, insn, op);
    case BPF_ST:
      if ((op & 0xe0) !== BPF_MEM || env.code.src[insn] !== 0) {
        env.reject('EINVAL', flow.st_reserved());
      }
      checkStoreImm(env, insn);
      return NEXT;
    case BPF_LD:
      return checkLd(env, insn, op);
    default:
      env.jmpsProcessed++;
      return checkJump(env, insn, op);
  }
}

function checkStx(env: VerifierEnv, insn: number, op: number): Step {
  const mode = op & 0xe0;
  if (mode === BPF_ATOMIC) {
    checkAtomic(env, insn);
    return NEXT;
  }
  if (mode !== BPF_MEM || env.code.imm[insn] !== 0) env.reject('EINVAL', flow.stx_reserved());
  checkStoreReg(env, insn, false);
  return NEXT;
}

function checkLd(env: VerifierEnv, insn: number, op: number): Step {
  switch (op & 0xe0) {
    case BPF_ABS:
    case BPF_IND:
      checkLdAbs(env, insn);
      return NEXT;
    case BPF_IMM:
      checkLdImm64(env, insn);
      env.insnIdx++;
      sanitizeMarkSeen(env);
      return NEXT;
    default:
      env.reject('EINVAL', flow.ld_mode());
  }
}

function checkJump(env: VerifierEnv, insn: number, op: number): Step {
  switch (op & 0xf0) {
    case BPF_CALL:
      return checkCall(env, insn, op);
    case BPF_JA:
      return checkGoto(env, insn, op);
    case BPF_EXIT:
      return checkExit(env, insn, op);
    default:
      checkCondJump(env, insn);
      return NEXT;
  }
}

function checkGoto(env: VerifierEnv, insn: number, op: number): Step {
  const { code } = env;
  const isShort = classOf(op) === BPF_JMP;
  const other = isShort ? code.imm[insn] : code.off[insn];
  if (op & BPF_X || code.src[insn] !== 0 || code.dst[insn] !== 0 || other !== 0) {
    env.reject('EINVAL', flow.ja_reserved());
  }
  const target = insn + 1 + (isShort ? code.off[insn]! : code.imm[insn]!);
  if (env.staticBranches?.has(insn)) {
    pushBranch(env, target, insn, false);
    return NEXT;
  }
  env.insnIdx = target;
  return JUMPED;
}

function checkCall(env: VerifierEnv, insn: number, op: number): Step {
  const { code } = env;
  const src = code.src[insn]!;
  if (
    op & BPF_X ||
    (src !== BPF_PSEUDO_KFUNC_CALL && code.off[insn] !== 0) ||
    src > BPF_PSEUDO_KFUNC_CALL ||
    code.dst[insn] !== 0 ||
    classOf(op) === BPF_JMP32
  ) {
    env.reject('EINVAL', flow.call_reserved());
  }
  if (env.state.activeLock !== 0 && !isAllowedUnderLock(env, insn)) {
    env.reject('EINVAL', flow.calls_under_lock());
  }
  if (src === BPF_PSEUDO_CALL) {
    checkFuncCall(env, insn);
  } else if (src === BPF_PSEUDO_KFUNC_CALL) {
    checkKfuncCall(env, insn);
    if (isThrowKfunc(env, insn)) {
      endFunction(env, true);
      return ENDED;
    }
  } else {
    checkHelperCall(env, insn);
  }
  env.scratchReg(0);
  return NEXT;
}

/** Other functions of the program are judged by `checkFuncCall`. */
function isAllowedUnderLock(env: VerifierEnv, insn: number): boolean {
  const { code } = env;
  if (code.src[insn] === 0) return helperContract(code.imm[insn]!)?.leaves === 'spin_lock';
  if (code.src[insn] === BPF_PSEUDO_CALL) return gates.locksAcrossFunctions;
  return code.off[insn] === 0 && isGraphKfunc(env, insn);
}

function checkExit(env: VerifierEnv, insn: number, op: number): Step {
  const { code } = env;
  if (
    op & BPF_X ||
    code.imm[insn] !== 0 ||
    code.src[insn] !== 0 ||
    code.dst[insn] !== 0 ||
    classOf(op) === BPF_JMP32
  ) {
    env.reject('EINVAL', flow.exit_reserved());
  }
  endFunction(env, false);
  if (env.state.curframe !== 0) {
    prepareFuncExit(env);
    return RETURNED;
  }
  checkReturnCode(env, 0, 'R0');
  return ENDED;
}

/** What must not be open any more when the outermost function is left. */
function endFunction(env: VerifierEnv, isThrow: boolean): void {
  const state = env.state;
  if (isThrow || state.curframe === 0 || !gates.locksAcrossFunctions) {
    if (state.activeLock !== 0) {
      env.reject('EINVAL', isThrow ? flow.throw_under_lock() : flow.exit_under_lock());
    }
    if (state.activeRcuLock) {
      env.reject('EINVAL', isThrow ? flow.throw_under_rcu() : flow.exit_under_rcu());
    }
    const depth = state.activePreemptLock;
    if (depth) {
      const why = isThrow ? flow.throw_without_preemption() : flow.exit_without_preemption(depth);
      env.reject('EINVAL', why);
    }
  }
  checkReferenceLeak(env, isThrow);
}
