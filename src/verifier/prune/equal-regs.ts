import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import {
  BASE_TYPE_MASK,
  BPF_ADD_CONST,
  FRAMENO,
  ID,
  NOT_INIT,
  OFF,
  PRECISE,
  PREFIX_BEFORE_ID,
  PTR_TO_ARENA,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  RANGE,
  REF_OBJ_ID,
  SCALAR_VALUE,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import { rangeWithin } from '../value/bounds.ts';
import { tnumIn } from '../value/tnum.ts';
import { regSafeOlder } from './equal-older.ts';
import { sameWords } from './equal-words.ts';
import type { IdMap } from './idmap.ts';

/**
 * How alike two states must be (enum exact_level): what the old one did not read or need precisely
 * may differ; all must be the same; or ranges must lie within the old ones, whether read or not.
 */
export const NOT_EXACT = 0;
export const EXACT = 1;
export const RANGE_WITHIN = 2;
export type Exactness = typeof NOT_EXACT | typeof EXACT | typeof RANGE_WITHIN;

/** Equal but for the numbers of ids (regs_exact). */
export function regsExact(
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
  ids: IdMap,
): boolean {
  return sameWords(ow, o, cw, c, PREFIX_BEFORE_ID) && sameIds(ow, o, cw, c, ids);
}

function sameIds(ow: Int32Array, o: number, cw: Int32Array, c: number, ids: IdMap): boolean {
  return ids.check(ow[o + ID]!, cw[c + ID]!) && ids.check(ow[o + REF_OBJ_ID]!, cw[c + REF_OBJ_ID]!);
}

function valueWithin(ow: Int32Array, o: number, cw: Int32Array, c: number): boolean {
  return rangeWithin(ow, o, cw, c) && tnumIn(ow, o, cw, c);
}

/**
 * If the rest of the program was safe with the old register, which it read, it is with this one
 * (regsafe). `(ow, o)`: the old record, `(cw, c)`: the running path's.
 */
export function regSafe(
  env: VerifierEnv,
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
  exact: Exactness,
): boolean {
  const ids = env.ids;
  if (!gates.relatedStates) return regSafeOlder(env, ow, o, cw, c);
  if (exact === EXACT) return regsExact(ow, o, cw, c, ids);
  const type = ow[o + TYPE]!;
  if (type === NOT_INIT && (exact === NOT_EXACT || cw[c + TYPE] === NOT_INIT)) return true;
  if (type !== cw[c + TYPE]) return false;
  switch (type & BASE_TYPE_MASK) {
    case SCALAR_VALUE:
      return scalarSafe(env, ow, o, cw, c, exact);
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_TP_BUFFER:
      return (
        sameWords(ow, o, cw, c, VALUE) && valueWithin(ow, o, cw, c) && sameIds(ow, o, cw, c, ids)
      );
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
      return packetSafe(ow, o, cw, c, ids);
    case PTR_TO_STACK:
      return regsExact(ow, o, cw, c, ids) && ow[o + FRAMENO] === cw[c + FRAMENO];
    case PTR_TO_ARENA:
      return true;
    default:
      return regsExact(ow, o, cw, c, ids);
  }
}

function scalarSafe(
  env: VerifierEnv,
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
  exact: Exactness,
): boolean {
  const oldId = ow[o + ID]!;
  const currentId = cw[c + ID]!;
  if (env.exploreAluLimits) {
    return sameWords(ow, o, cw, c, PREFIX_BEFORE_ID) && env.ids.checkScalar(oldId, currentId);
  }
  if (exact === NOT_EXACT && !ow[o + PRECISE]) return true;
  // A link with a distance stands only for a link with the same distance.
  if (oldId & BPF_ADD_CONST) {
    if (!(currentId & BPF_ADD_CONST) || ow[o + OFF] !== cw[c + OFF]) return false;
  } else if (oldId !== 0 && currentId & BPF_ADD_CONST) {
    return false;
  }
  return env.ids.checkScalar(oldId, currentId) && valueWithin(ow, o, cw, c);
}

/** At least as many bytes are known to be there, at the same place. */
function packetSafe(ow: Int32Array, o: number, cw: Int32Array, c: number, ids: IdMap): boolean {
  const old = ow[o + RANGE]!;
  const current = cw[c + RANGE]!;
  if (old < 0 || current < 0 ? old !== current : old > current) return false;
  if (ow[o + OFF] !== cw[c + OFF]) return false;
  return ids.check(ow[o + ID]!, cw[c + ID]!) && valueWithin(ow, o, cw, c);
}
