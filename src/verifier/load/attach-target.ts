import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import { BTF_ATTACHED_TYPES } from './program-kinds.ts';

/** Mirrors check_attach_btf_id. */
export function checkAttachTarget(env: VerifierEnv): void {
  if (!BTF_ATTACHED_TYPES.has(env.input.type)) return;
  if (![26, 27, 28, 29].includes(env.input.type)) return;
  throw new BugError(`checkAttachTarget is not written: ${env.length}`);
}
