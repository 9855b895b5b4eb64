import { type CallbackContract, helperContract } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { kfuncCallsBack } from './kfuncs.ts';
import { isHelperCall } from './calls.ts';

/**
 * When the call at `insn` runs the function it is given: before it returns, some time later, or
 * never (is_sync_callback_calling_insn, is_async_callback_calling_insn).
 */
export function callsBack(env: VerifierEnv, insn: number): CallbackContract['when'] | undefined {
  if (!isHelperCall(env, insn)) return kfuncCallsBack(env, insn);
  return helperContract(env.code.imm[insn]!)?.callback?.when;
}
