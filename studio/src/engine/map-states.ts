/** What is in the maps of an object, as text. */
import type { LoadedObject, MapOf } from 'beeyard';
import { valueWords } from '../model/values.ts';
import type { MapRow, MapState } from '../protocol.ts';

/** Entries shown of a map. */
const SHOWN = 64;
/** Entries looked at: more would make a step long. */
const SCANNED = 4096;
/** Their values are objects of the kernel, or leave when they are read. */
const CLOSED = /prog_array|perf_event|of_maps|ringbuf|bloom|queue|stack|storage/;

export function mapStates({ maps }: LoadedObject): MapState[] {
  return Object.values(maps).map((map) => mapState(map as MapOf));
}

function mapState(map: MapOf): MapState {
  const type = map.spec.type ?? 'unknown';
  const state = { name: map.name, type };
  if (CLOSED.test(type) || map.spec.keySize === 0) {
    return { ...state, closed: true, entries: [], more: 0 };
  }
  const entries: MapRow[] = [];
  let more = 0;
  let scanned = 0;
  for (const [key, value] of map.entries()) {
    if (scanned++ >= SCANNED) break;
    const words = valueWords(value);
    // Slots of arrays are always there: those that are all zero say nothing.
    if (type.includes('array') && isZero(value) && !map.spec.dataSection) continue;
    if (entries.length < SHOWN) entries.push({ key: valueWords(key), value: words });
    else more++;
  }
  return { ...state, closed: false, entries, more };
}

function isZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === false;
}
