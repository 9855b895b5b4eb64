import type { KernelProfile } from '../abi/profile.ts';
import { BugError } from '../base/index.ts';
import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import type { VerifierInput } from './types.ts';

/** The program of an object file as BPF_PROG_LOAD would get it from libbpf. */
export function verifierInput(
  object: ObjectFile,
  program: ProgramSpec,
  profile: KernelProfile,
): VerifierInput {
  throw new BugError(`verifierInput is not written ${object.license}${program.name}${profile.hz}`);
}
