import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { CallMeta } from './meta.ts';

/**
 * Does the register hold what the argument wants? `argBtfId`: type id in the kernel's BTF that
 * overrides the contract's, 0 for none (check_reg_type).
 */
export function checkRegType(
  _env: VerifierEnv,
  _regno: number,
  _argType: number,
  _argBtfId: number,
  _meta: CallMeta,
): void {
  throw new BugError('not written yet');
}
