/** When a register does for another, before the ids of both were compared (regsafe of 6.1). */
import type { VerifierEnv } from '../env.ts';
import {
  FRAMENO,
  ID,
  NOT_INIT,
  OFF,
  PRECISE,
  PREFIX_BEFORE_PARENT,
  PTR_MAYBE_NULL,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  RANGE,
  SCALAR_VALUE,
  TYPE,
  VALUE,
  baseType,
} from '../state/layout.ts';
import { rangeWithin } from '../value/bounds.ts';
import { tnumIn } from '../value/tnum.ts';
import { sameWords } from './equal-words.ts';

/** `(ow, o)`: the old record, which was read; `(cw, c)`: the running path's. */
export function regSafeOlder(
  env: VerifierEnv,
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
): boolean {
  const equal = sameWords(ow, o, cw, c, PREFIX_BEFORE_PARENT);
  const type = ow[o + TYPE]!;
  if (type === PTR_TO_STACK) return equal && ow[o + FRAMENO] === cw[c + FRAMENO];
  if (equal || type === NOT_INIT) return true;
  switch (baseType(type)) {
    case SCALAR_VALUE:
      if (env.exploreAluLimits || cw[c + TYPE] !== SCALAR_VALUE) return false;
      return !ow[o + PRECISE] || valueWithin(ow, o, cw, c);
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
      if (!sameWords(ow, o, cw, c, VALUE)) return false;
      return type & PTR_MAYBE_NULL
        ? env.ids.check(ow[o + ID]!, cw[c + ID]!)
        : valueWithin(ow, o, cw, c);
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
      return type === cw[c + TYPE] && packetSafe(env, ow, o, cw, c);
    default:
      return false;
  }
}

function valueWithin(ow: Int32Array, o: number, cw: Int32Array, c: number): boolean {
  return rangeWithin(ow, o, cw, c) && tnumIn(ow, o, cw, c);
}

function packetSafe(
  env: VerifierEnv,
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
): boolean {
  const old = ow[o + RANGE]!;
  const current = cw[c + RANGE]!;
  if (old < 0 || current < 0 ? old !== current : old > current) return false;
  if (ow[o + OFF] !== cw[c + OFF]) return false;
  const id = ow[o + ID]!;
  return (id === 0 || env.ids.check(id, cw[c + ID]!)) && valueWithin(ow, o, cw, c);
}
