import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/**
 * A register becomes what was read through a BTF pointer: a scalar, or a pointer to `btfId`.
 * Mirrors mark_btf_ld_reg.
 */
export function markBtfLoad(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  type: number,
  btf: number,
  btfId: number,
  flags: number,
): void {
  throw new BugError(`markBtfLoad ${env.length}${w.length}${r}${type}${btf}${btfId}${flags}`);
}
