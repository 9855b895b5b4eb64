/** What the rewriting passes want to know of map calls: which map, which constant key. */
import { constants, helperTakesMap } from '../../abi/index.ts';
import { MAP_POISON, MAP_UNPRIV, type VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { mapCallMessages } from '../messages/call.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { regAt, VALUE } from '../state/layout.ts';
import { isConst } from '../value/bounds.ts';
import type { HelperPrototype } from './contracts.ts';
import type { CallMeta } from './meta.ts';

/** High word of `InsnAux.mapKey`: the key was seen; it is not always the same constant. */
export const MAP_KEY_SEEN = 1 << 30;
export const MAP_KEY_POISON = 1 << 31;

/** Remembers the map of the call, unless it is not always the same (record_func_map). */
export function recordMap(
  env: VerifierEnv,
  proto: HelperPrototype,
  meta: CallMeta,
  insn: number,
): void {
  if (!proto.recordsMap) return;
  const map = env.maps[meta.map - 1];
  if (!map) env.reject('EINVAL', mapCallMessages.misconfigured());
  if (map.flags & constants.BPF_F_RDONLY_PROG && proto.changesMap) {
    env.reject('EACCES', mapCallMessages.write_forbidden());
  }
  const maps = env.aux.map;
  const unprivileged = env.bypassSpecV1 ? 0 : MAP_UNPRIV;
  const known = maps[insn]! & ~MAP_UNPRIV;
  const next = known === 0 || known === meta.map ? meta.map : MAP_POISON;
  if (next === MAP_POISON && proto.callback && !gates.forEachOfAnyMap) {
    env.reject('EINVAL', mapCallMessages.poisoned());
  }
  maps[insn] = next | unprivileged | (maps[insn]! & MAP_UNPRIV);
}

/** Remembers the constant index of a tail call (record_func_key). */
export function recordKey(
  env: VerifierEnv,
  proto: HelperPrototype,
  meta: CallMeta,
  insn: number,
): void {
  if (!proto.recordsIndex) return;
  const map = env.maps[meta.map - 1];
  if (!map || !helperTakesMap(proto.id, map.type, false)) {
    env.reject('EINVAL', mapCallMessages.misconfigured());
  }
  const w = env.regs;
  const index = regAt(3);
  const low = w[index + VALUE]!;
  const inRange = w[index + VALUE + 1] === 0 && low >>> 0 < map.maxEntries;
  if (!isConst(w, index, false) || !inRange) {
    env.aux.mapKeyHigh[insn]! |= MAP_KEY_POISON | MAP_KEY_SEEN;
    return;
  }
  markChainPrecision(env, 3);
  const known = env.aux.mapKeyHigh[insn]!;
  if (!(known & MAP_KEY_SEEN)) {
    env.aux.mapKeyLow[insn] = low;
    env.aux.mapKeyHigh[insn] = known | MAP_KEY_SEEN;
  } else if (env.aux.mapKeyLow[insn] !== low) {
    env.aux.mapKeyHigh[insn] = known | MAP_KEY_POISON;
  }
}
