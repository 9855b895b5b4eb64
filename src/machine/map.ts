import { errnos, type MapTypeDef } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type {
  BatchCommand,
  KernelMap,
  KernelOwner,
  KernelProgram,
  KernelRecord,
  KernelXsk,
  LivePlace,
  MapBatch,
  MapView,
  OwningValue,
  UserRecord,
} from '../kernel/index.ts';
import type { MapSpec } from '../object/index.ts';
import {
  type Runtime,
  type RuntimeMap,
  type RuntimeOwner,
  storageBytes,
  storageOwners,
  storagePlace,
  userRingReserve,
} from '../runtime/index.ts';
import { Xsk } from './net/xsk/xsk.ts';
import type { Pins } from './pins.ts';
import type { MachineMemory } from './memory.ts';
import { MachineProgram } from './program.ts';
import type { RecordReader } from './records.ts';

/** Why an object may not be put into a map, if it may not. */
function refusalOf({ holds }: MachineMap, object: unknown): string | undefined {
  // They may run on other devices, and where there is no device at all.
  if (object instanceof MachineProgram && object.bound) return 'EINVAL';
  if (!(object instanceof Xsk)) return holds === 'xsk' ? 'ENOTSOCK' : undefined;
  if (holds !== 'xsk') return holds === 'socket' ? 'EOPNOTSUPP' : 'EBADF';
  return object.open ? undefined : 'EBADF';
}

/** A map of the simulated kernel: the bpf(2) commands over the runtime's map. */
export class MachineMap implements KernelMap {
  readonly spec: MapSpec;
  readonly perCpu: boolean;
  /** Code that uses it runs with checks, also when it is verified: see MapTypeDef. */
  readonly unbounded: boolean;
  /** What its values are, if they are objects of the kernel. */
  readonly holds: MapTypeDef['valueIs'];
  readonly runtimeMap: RuntimeMap;
  protected readonly runtime: Runtime;
  /** Values belong to owners of that kind. */
  readonly #storesFor: string | undefined;
  readonly #records: RecordReader;
  readonly #pins: Pins;
  readonly #memory: MachineMemory | undefined;

  constructor(
    runtime: Runtime,
    spec: MapSpec,
    facts: MapTypeDef,
    runtimeMap: RuntimeMap,
    records: RecordReader,
    pins: Pins,
    memory?: MachineMemory,
  ) {
    this.runtime = runtime;
    this.spec = spec;
    this.perCpu = facts.perCpu === true;
    this.#storesFor = facts.keyIs;
    this.unbounded = facts.unbounded === true;
    this.holds = facts.valueIs;
    this.runtimeMap = runtimeMap;
    this.#records = records;
    this.#pins = pins;
    this.#memory = memory;
  }

  get id(): number {
    return this.runtimeMap.id;
  }

  get userValueSize(): number {
    return this.runtimeMap.userValueSize;
  }

  lookup(key: Uint8Array, out: Uint8Array): number {
    return this.runtimeMap.lookup(key, out);
  }

  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    return this.#command(() => this.runtimeMap.update(key, value, flags));
  }

  /** A command changes the map as a reader; grace periods may end when it is done. */
  #command(work: () => number): number {
    return this.#memory ? this.#memory.reading(false, work) : work();
  }

  setObject(
    key: Uint8Array,
    object: KernelMap | KernelProgram | KernelOwner | KernelXsk,
    flags = 0,
  ): number {
    const refused = refusalOf(this, object);
    if (refused !== undefined) return -errnos[refused]!;
    if ('number' in object)
      return this.runtimeMap.setObject(key, object.number, object.number, flags);
    const word =
      object instanceof MachineMap
        ? object.runtimeMap.address
        : (object as MachineProgram).code.entry;
    return this.runtimeMap.setObject(key, word, object.id, flags);
  }

  /** Takes an object that is no more out of every entry. */
  forgetObject(number: number): void {
    const key = new Uint8Array(4);
    const view = new DataView(key.buffer);
    for (let index = 0; index < this.spec.maxEntries; index++) {
      if (this.objectAt(index) !== number) continue;
      view.setUint32(0, index, true);
      this.runtimeMap.delete(key);
    }
  }

  /** The number of the object at an index of an array of such; 0: none. */
  objectAt(index: number): number {
    const bytes = this.runtimeMap.valueBytes(index);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  delete(key: Uint8Array): number {
    return this.#command(() => this.runtimeMap.delete(key));
  }

  lookupAndDelete(key: Uint8Array, out: Uint8Array): number {
    return this.#command(() => this.runtimeMap.lookupAndDelete(key, out));
  }

  owned(key: Uint8Array): OwningValue | undefined {
    return this.runtimeMap.owned(key);
  }

  nextKey(key: Uint8Array | undefined, out: Uint8Array): number {
    return this.runtimeMap.nextKey(key, out);
  }

  batch(command: BatchCommand, batch: MapBatch): number {
    return this.#command(() => this.runtimeMap.batch(command, batch));
  }

  mmap(options?: { readonly write?: boolean }): MapView {
    return this.runtimeMap.mmap(options);
  }

  reserve(size: number): UserRecord | number {
    if (this.spec.type !== 'user_ringbuf') return -errnos['EINVAL']!;
    return userRingReserve(this.runtime, this.runtimeMap, size);
  }

  storage(owner: KernelOwner): Uint8Array | undefined {
    return storageBytes(this.runtime, this.runtimeMap, owner as RuntimeOwner);
  }

  livePlace(owner: KernelOwner): LivePlace | undefined {
    this.#wantStorage();
    return storagePlace(this.runtime, this.runtimeMap, owner as RuntimeOwner);
  }

  liveOwners(): RuntimeOwner[] {
    this.#wantStorage();
    return storageOwners(this.runtime, this.runtimeMap);
  }

  #wantStorage(): void {
    if (this.#storesFor) return;
    throw new KernelError('EINVAL', 22, `map '${this.spec.name}' is no local storage`);
  }

  freeze(): number {
    return this.runtimeMap.freeze();
  }

  drain(): KernelRecord[] {
    return this.#records.drain();
  }

  get lost(): number {
    return this.#records.lost();
  }

  close(): void {
    if (!this.#pins.holds(this)) this.runtimeMap.free();
  }
}
