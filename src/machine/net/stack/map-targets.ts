import type { MachineMap } from '../../map.ts';

/** An entry of a devmap or cpumap. */
export interface MapTarget {
  readonly key: number;
  /** Interface number or queue size. */
  readonly value: number;
  /** Id of the program of the entry; 0: none. */
  readonly program: number;
}

/** The entry at a key, undefined if it is empty. */
export function targetAt(map: MachineMap, index: number): MapTarget | undefined {
  const key = new Uint8Array(map.spec.keySize);
  new DataView(key.buffer).setUint32(0, index, true);
  return read(map, key);
}

function read(map: MachineMap, key: Uint8Array): MapTarget | undefined {
  const value = new Uint8Array(map.userValueSize);
  if (map.lookup(key, value) !== 0) return undefined;
  const view = new DataView(value.buffer);
  return {
    key: new DataView(key.buffer).getUint32(0, true),
    value: view.getUint32(0, true),
    program: value.length >= 8 ? view.getUint32(4, true) : 0,
  };
}

/** All entries, in the map's order. */
export function entriesOf(map: MachineMap): MapTarget[] {
  const found: MapTarget[] = [];
  let key: Uint8Array | undefined;
  for (;;) {
    const next = new Uint8Array(map.spec.keySize);
    if (map.nextKey(key, next) !== 0) return found;
    const target = read(map, next);
    if (target) found.push(target);
    key = next;
  }
}
