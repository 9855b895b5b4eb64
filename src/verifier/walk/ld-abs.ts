import { programRules } from '../../abi/program-rules.ts';
import { BPF_ABS, BPF_DW } from '../../isa/index.ts';
import { clearCallerSavedRegs } from '../call/effects.ts';
import { checkReferenceLeak, prepareFuncExit } from '../call/exit.ts';
import type { VerifierEnv } from '../env.ts';
import { checkPtrOffReg } from '../mem/region.ts';
import { load } from '../messages/load.ts';
import { checkRegArg } from '../prune/liveness.ts';
import { Rejection } from '../reject.ts';
import { pushBranch } from '../state/branches.ts';
import { PTR_TO_CTX, regAt, SUBREG_DEF, TYPE } from '../state/layout.ts';
import { markKnownZero, markUnknown } from '../value/bounds.ts';

const SIZE_BITS = 0x18;
const MODE_BITS = 0xe0;
/** The register that must hold the context. */
const CONTEXT = 6;

/**
 * LD_ABS and LD_IND read a number from the packet of the context in r6 into r0, and end the
 * function with 0 when the packet is shorter. Mirrors check_ld_abs.
 */
export function checkLdAbs(env: VerifierEnv, insn: number): void {
  const { op, dst, src, off } = env.code;
  const absolute = (op[insn]! & MODE_BITS) === BPF_ABS;
  if (!programRules(env.programType)?.legacyPacketLoads) env.reject('EINVAL', load.ld_abs_type());
  for (let i = env.state.curframe; i > 0; i--) {
    if (env.state.frameAt(i).inCallback) env.reject('EINVAL', load.ld_abs_callback());
  }
  const double = (op[insn]! & SIZE_BITS) === BPF_DW;
  if (dst[insn] !== 0 || off[insn] !== 0 || double || (absolute && src[insn] !== 0)) {
    env.reject('EINVAL', load.ld_abs_reserved());
  }
  checkRegArg(env, CONTEXT, 'src');
  checkNothingHeld(env);
  if (env.regs[regAt(CONTEXT) + TYPE] !== PTR_TO_CTX) {
    env.reject('EINVAL', load.ld_abs_context());
  }
  if (!absolute) checkRegArg(env, src[insn]!, 'src');
  checkPtrOffReg(env, env.regs, regAt(CONTEXT), CONTEXT, false);
  clearCallerSavedRegs(env, env.regs);
  markUnknown(env, env.regs, 0);
  env.regs[SUBREG_DEF] = env.insnIdx + 1;
  if (env.state.curframe > 0) exploreHiddenExit(env);
}

/** The instruction may end the program: nothing must be left open. */
function checkNothingHeld(env: VerifierEnv): void {
  try {
    checkReferenceLeak(env, false);
  } catch (error) {
    if (error instanceof Rejection) env.reject(error.errno, load.ld_abs_references());
    throw error;
  }
  const { activeLock, activeRcuLock, activePreemptLock } = env.state;
  if (activeLock !== 0) env.reject('EINVAL', load.ld_abs_lock());
  if (activeRcuLock) env.reject('EINVAL', load.ld_abs_rcu());
  if (activePreemptLock !== 0) env.reject('EINVAL', load.ld_abs_preempt());
}

/** In a subprogram the short packet means a return of 0 to the caller, which goes on. */
function exploreHiddenExit(env: VerifierEnv): void {
  env.scratchReg(0);
  pushBranch(env, env.insnIdx + 1, env.insnIdx, false);
  markKnownZero(env.regs, 0);
  prepareFuncExit(env);
  env.insnIdx--;
}
