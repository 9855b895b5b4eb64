/** Values that others look at while programs run, without asking the runtime again. */
import { CELL_GENERATION, CELL_MAP_FREED } from '../../abi/live-cell.ts';
import { type LivePlace, OwnerGone } from '../../abi/live.ts';
import type { Runtime, RuntimeMap, RuntimeOwner } from '../types.ts';
import { kernelError } from './errno.ts';

type Numeric = (...args: number[]) => number;

const call = (runtime: Runtime, name: string, ...args: number[]): number =>
  (runtime.exports[name] as Numeric)(...args) >>> 0;

function placeOf(runtime: Runtime, cell: number, size: number): LivePlace {
  const generation = runtime.u32()[(cell + CELL_GENERATION) >>> 2]!;
  return { memory: runtime.memory, cell, generation, size };
}

/** The live place of an owner's value; undefined: it has none. Throws OwnerGone. */
export function storagePlace(
  runtime: Runtime,
  map: RuntimeMap,
  owner: RuntimeOwner,
): LivePlace | undefined {
  if (!owner.alive) throw new OwnerGone(`${owner.kind} ${owner.number}`);
  if (call(runtime, 'storage_value', map.address, owner.address) === 0) return undefined;
  const cell = call(runtime, 'storage_cell', map.address, owner.address);
  if (cell === 0) throw kernelError('ENOMEM', 'no memory to look at a value live');
  return placeOf(runtime, cell, map.definition.valueSize);
}

/** The owners that have a value in a map, oldest first. */
export function storageOwners(runtime: Runtime, map: RuntimeMap): RuntimeOwner[] {
  const numbers: number[] = [];
  let element = call(runtime, 'storage_next', map.address, 0);
  while (element !== 0) {
    numbers.push(call(runtime, 'storage_owner', element));
    element = call(runtime, 'storage_next', map.address, element);
  }
  numbers.sort((a, b) => a - b);
  return numbers.flatMap((number) => runtime.owners.get(number) ?? []);
}

/** The memory of a map as one live value, which ends with the map. */
export class LiveMemory {
  readonly #runtime: Runtime;
  #cell = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  place(start: number, size: number): LivePlace {
    if (this.#cell === 0) this.#cell = call(this.#runtime, 'live_cell', start);
    if (this.#cell === 0) throw kernelError('ENOMEM', 'no memory to look at a map live');
    return placeOf(this.#runtime, this.#cell, size);
  }

  /** The map is freed. */
  end(): void {
    if (this.#cell !== 0) call(this.#runtime, 'live_end', this.#cell, CELL_MAP_FREED);
    this.#cell = 0;
  }
}
