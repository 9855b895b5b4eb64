import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { SpecialField } from '../fields/record.ts';
import type { AccessSource } from './stack-range.ts';

/** Mirrors check_map_access. */
export function checkMapAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  zeroOk: boolean,
  source: AccessSource,
): void {
  throw new BugError(`checkMapAccess ${env.length}${regno}${off}${size}${zeroOk}${source}`);
}

/** True (or a rejection): the register may go into the kptr field. Mirrors map_kptr_match_type. */
export function checkKptrMatch(env: VerifierEnv, field: SpecialField, regno: number): void {
  throw new BugError(`checkKptrMatch ${env.length}${field.type}${regno}`);
}
