import { helperContract } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { isAsyncCallbackKfunc, isSyncCallbackKfunc } from './kfuncs.ts';
import { isHelperCall, isKfuncCall } from './calls.ts';

/** A call that runs its callback before it returns (is_sync_callback_calling_insn). */
export function callsBack(env: VerifierEnv, insn: number): boolean {
  if (isHelperCall(env, insn)) {
    return helperContract(env.code.imm[insn]!)?.callback === 'synchronous';
  }
  return isKfuncCall(env, insn) && isSyncCallbackKfunc(env, insn);
}

/** A call whose callback runs some time later (is_async_callback_calling_insn). */
export function callsBackLater(env: VerifierEnv, insn: number): boolean {
  if (isHelperCall(env, insn)) {
    return helperContract(env.code.imm[insn]!)?.callback === 'asynchronous';
  }
  return isKfuncCall(env, insn) && isAsyncCallbackKfunc(env, insn);
}
