import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { VerifierMap } from '../types.ts';

/** May this helper be used with this map? (check_map_func_compatibility) */
export function checkMapFuncCompatibility(
  _env: VerifierEnv,
  _map: VerifierMap | undefined,
  _funcId: number,
): void {
  throw new BugError('not written yet');
}
