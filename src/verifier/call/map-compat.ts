import { helperTakesMap, mapRules, mayUpdateSockmap } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { mapCallMessages } from '../messages/call.ts';
import type { VerifierMap } from '../types.ts';
import type { HelperPrototype } from './contracts.ts';

/** May this program change sockmaps by the map helpers? Says why not (may_update_sockmap). */
function updatesSockmap(env: VerifierEnv, map: VerifierMap, proto: HelperPrototype): boolean {
  const rules = mapRules(map.type);
  if (!rules?.sockmap || rules.helpers?.has(proto.id)) return false;
  if (proto.changesMap !== 'update' && proto.changesMap !== 'delete') return false;
  if (mayUpdateSockmap(env.programType, env.expectedAttachType, proto.id)) return true;
  if (env.talking) env.say(mapCallMessages.sockmap_context());
  return false;
}

/** May this helper be used with this map? (check_map_func_compatibility) */
export function checkMapFuncCompatibility(
  env: VerifierEnv,
  map: VerifierMap | undefined,
  proto: HelperPrototype,
): void {
  if (!map || helperTakesMap(proto.id, map.type, updatesSockmap(env, map, proto))) return;
  env.reject('EINVAL', mapCallMessages.incompatible(map.type, proto.name, proto.id));
}
