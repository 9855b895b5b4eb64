import { helperTakesMap, mapRules, mayUpdateSockmap } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { mapCallMessages } from '../messages/call.ts';
import type { VerifierMap } from '../types.ts';
import { helperText, MAP_DELETE_ELEM, MAP_UPDATE_ELEM } from './helper-ids.ts';

/** May this program change sockmaps by the map helpers? Says why not (may_update_sockmap). */
function updatesSockmap(env: VerifierEnv, map: VerifierMap, funcId: number): boolean {
  const rules = mapRules(map.type);
  if (!rules?.sockmap || rules.helpers?.has(funcId)) return false;
  if (funcId !== MAP_UPDATE_ELEM && funcId !== MAP_DELETE_ELEM) return false;
  if (mayUpdateSockmap(env.programType, env.expectedAttachType, funcId)) return true;
  if (env.talking) env.say(mapCallMessages.sockmap_context());
  return false;
}

/** May this helper be used with this map? (check_map_func_compatibility) */
export function checkMapFuncCompatibility(
  env: VerifierEnv,
  map: VerifierMap | undefined,
  funcId: number,
): void {
  if (!map || helperTakesMap(funcId, map.type, updatesSockmap(env, map, funcId))) return;
  env.reject('EINVAL', mapCallMessages.incompatible(map.type, helperText(funcId), funcId));
}
