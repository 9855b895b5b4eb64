import { BugError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';

/**
 * True if an object of type `id` holds one of type `needId` at `off`. Mirrors btf_struct_ids_match.
 */
export function btfIdsMatch(
  env: VerifierEnv,
  btf: Btf,
  id: number,
  off: number,
  needBtf: Btf,
  needId: number,
  strict: boolean,
  walkFlexArrays: boolean,
): boolean {
  throw new BugError(
    `btfIdsMatch ${env.length}${btf.count}${id}${off}${needBtf.count}${needId}${strict}${walkFlexArrays}`,
  );
}
