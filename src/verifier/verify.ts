import { BugError } from '../base/index.ts';
import type { KernelProfile, VerifierInput, VerifyOptions, VerifyResult } from './types.ts';

/** Would Linux load this program? (bpf_check) */
export function verify(
  input: VerifierInput,
  profile: KernelProfile,
  options: VerifyOptions = {},
): VerifyResult {
  throw new BugError(`not written: ${input.name} ${profile.version} ${options.logLevel}`);
}
