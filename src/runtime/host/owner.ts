import { OwnerGone } from '../../abi/live.ts';
import type { OwnerKind } from '../../abi/types.ts';
import {
  MAPS,
  MAP_HEADER_SIZE,
  MAX_MAPS,
  OWNER_CGROUP,
  OWNER_ID,
  OWNER_INODE,
  OWNER_SOCKET,
  OWNER_TASK,
} from '../layout.ts';
import type { OwnerOptions, Runtime, RuntimeMap, RuntimeOwner } from '../types.ts';
import { kernelError } from './errno.ts';

type Numeric = (...args: number[]) => number;

const KINDS: Readonly<Record<OwnerKind, number>> = {
  task: OWNER_TASK,
  inode: OWNER_INODE,
  socket: OWNER_SOCKET,
  cgroup: OWNER_CGROUP,
};

/** An owner in a runtime's memory: see core/owner.ts. */
export class MemoryOwner implements RuntimeOwner {
  readonly kind: OwnerKind;
  readonly number: number;
  readonly address: number;
  readonly object: number;
  readonly #runtime: Runtime;
  #alive = true;

  /** Throws KernelError ENOMEM. */
  static make(
    runtime: Runtime,
    kind: OwnerKind,
    { object = 0, parent }: OwnerOptions,
  ): MemoryOwner {
    const { exports } = runtime;
    const address = (exports['owner_new'] as Numeric)(KINDS[kind], object, parent?.number ?? 0);
    if (address === 0) throw kernelError('ENOMEM', `no memory for another ${kind}`);
    return new MemoryOwner(runtime, kind, address >>> 0);
  }

  /** The owner whose record is at an address. */
  constructor(runtime: Runtime, kind: OwnerKind, address: number) {
    const { exports } = runtime;
    this.#runtime = runtime;
    this.kind = kind;
    this.address = address;
    this.number = runtime.u32()[(this.address + OWNER_ID) >>> 2]!;
    runtime.owners.set(this.number, this);
    this.object = (exports['owner_object'] as Numeric)(this.address) >>> 0;
  }

  get alive(): boolean {
    return this.#alive;
  }

  free(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#runtime.owners.delete(this.number);
    for (let at = MAPS; at < MAPS + MAX_MAPS * MAP_HEADER_SIZE; at += MAP_HEADER_SIZE) {
      const map = this.#runtime.mapAt(at);
      const gone = map && this.#runtime.exports[`${map.prefix}_owner_gone`];
      if (gone) (gone as Numeric)(at, this.number);
    }
    (this.#runtime.exports['owner_free'] as Numeric)(this.address);
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

/**
 * The live bytes of an owner's value in a local storage map, or undefined if it has none; no copy.
 * Ask again after anything that may grow memory or replace the value. Throws OwnerGone.
 */
export function storageBytes(
  runtime: Runtime,
  map: RuntimeMap,
  owner: RuntimeOwner,
): Uint8Array | undefined {
  if (!owner.alive) throw new OwnerGone(`${owner.kind} ${owner.number}`);
  const at = (runtime.exports['storage_value'] as Numeric)(map.address, owner.address) >>> 0;
  return at === 0 ? undefined : runtime.u8().subarray(at, at + map.definition.valueSize);
}
