import type { VerifierEnv } from '../env.ts';
import { kfuncMessages } from '../messages/call.ts';

/** Checks the kfunc call at instruction `insn` (check_kfunc_call). */
export function checkKfuncCall(env: VerifierEnv, insn: number): void {
  env.reject('EOPNOTSUPP', kfuncMessages.not_supported(insn));
}
