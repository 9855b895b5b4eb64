import type { KernelMap } from '../../kernel/index.ts';
import type { Dictionary } from './dictionary.ts';
import type { Random } from './random.ts';
import type { MapEntry, MapFilling } from './types.ts';

/** Entries put into one map. */
const MOST_ENTRIES = 8;
/** Elements of a map that are put back one by one between runs. */
const MOST_RESTORED = 64;

export const AS_LOADED: MapFilling = { name: 'as loaded', entries: [] };

/** Puts maps back to what they were, and entries into them. */
export class MapKeeper {
  readonly #maps: ReadonlyMap<string, KernelMap>;
  readonly #initial: readonly MapEntry[];
  #isFresh = true;

  constructor(maps: ReadonlyMap<string, KernelMap>) {
    this.#maps = maps;
    this.#initial = [...maps].flatMap(([name, map]) => contents(name, map));
  }

  /** As loaded, and then as the filling says. */
  set({ entries }: MapFilling): void {
    if (!this.#isFresh) this.#reset();
    this.#isFresh = false;
    for (const { map, key, value } of entries) this.#maps.get(map)?.update(key, value);
  }

  #reset(): void {
    for (const map of this.#maps.values()) {
      for (const key of keysOf(map)) map.delete(key);
    }
    for (const { map, key, value } of this.#initial) this.#maps.get(map)?.update(key, value);
  }
}

function keysOf(map: KernelMap): Uint8Array[] {
  const keys: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  while (keys.length < MOST_RESTORED) {
    const next = new Uint8Array(map.spec.keySize);
    if (map.spec.keySize === 0 || map.nextKey(last, next) !== 0) break;
    keys.push(next);
    last = next;
  }
  return keys;
}

function contents(name: string, map: KernelMap): MapEntry[] {
  return keysOf(map).flatMap((key) => {
    const value = new Uint8Array(map.userValueSize);
    return map.lookup(key, value) === 0 ? [{ map: name, key, value }] : [];
  });
}

/** True for maps whose values are plain data that may be written from outside. */
const takesValues = ({ spec }: KernelMap): boolean =>
  spec.keySize > 0 && spec.valueSize > 0 && spec.dataSection === undefined && !spec.inner;

/** Entries chosen by chance from the program's numbers, with keys that may be in the packet. */
export function randomFilling(
  maps: ReadonlyMap<string, KernelMap>,
  { values, offsets }: Dictionary,
  packet: Uint8Array,
  random: Random,
): MapFilling {
  const entries: MapEntry[] = [];
  for (const [map, kernelMap] of maps) {
    if (!takesValues(kernelMap)) continue;
    const count = random.below(MOST_ENTRIES);
    for (let i = 0; i < count; i++) {
      const key = new Uint8Array(kernelMap.spec.keySize);
      if (random.chance(2)) key.set(packet.subarray(random.pick(offsets)).subarray(0, key.length));
      else new DataView(key.buffer).setUint8(0, random.below(4));
      const value = new Uint8Array(kernelMap.userValueSize);
      fillWords(value, values, random);
      const isThere = entries.some((one) => one.map === map && sameBytes(one.key, key));
      if (!isThere) entries.push({ map, key, value });
    }
  }
  return { name: 'filled', entries };
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);

function fillWords(bytes: Uint8Array, values: readonly number[], random: Random): void {
  const view = new DataView(bytes.buffer);
  const same = random.chance(3) ? random.pick(values) : undefined;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    view.setUint32(at, same ?? random.pick(values), true);
  }
  if (bytes.length < 4) bytes.fill(random.pick(values));
}
