import { attachTypeId, errnos, type MapTypeDef, mapRules } from '../abi/index.ts';
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
  MapViewOptions,
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
import type { MachineMemory } from './memory.ts';
import { TARGET_BAD } from '../runtime/layout.ts';
import { Xsk } from './net/xsk/xsk.ts';
import type { BtfObject } from './objects/btf.ts';
import { MapPrograms } from './objects/map-programs.ts';
import { KernelObject } from './objects/object.ts';
import { fitsOwner, ownerOf, type ProgramOwner } from './objects/program-array.ts';
import { MachineProgram } from './program.ts';
import type { RecordReader } from './records.ts';

/** Where struct bpf_devmap_val and bpf_cpumap_val have their program. */
export const PROGRAM_AT = 4;

/** Why an object may not be put into a map, if it may not. */
function refusalOf({ valueIs, tailCalls }: MapTypeDef, object: unknown): string | undefined {
  // They may run on other devices, and where there is no device at all.
  if (object instanceof MachineProgram && object.bound) return 'EINVAL';
  if (object instanceof MachineProgram && tailCalls) return object.refusedAsCallee;
  if (!(object instanceof Xsk)) return valueIs === 'xsk' ? 'ENOTSOCK' : undefined;
  if (valueIs !== 'xsk') return valueIs === 'socket' ? 'EOPNOTSUPP' : 'EBADF';
  return object.open ? undefined : 'EBADF';
}

/** What a map is made of, and who wants to know when it has ended. */
export interface MapParts {
  readonly runtime: Runtime;
  readonly spec: MapSpec;
  readonly facts: MapTypeDef;
  readonly runtimeMap: RuntimeMap;
  /** The model of memory, where there is one. */
  readonly memory?: MachineMemory | undefined;
  readonly records: RecordReader;
  /** BTF of key and value; the map takes over the caller's hold on it. */
  readonly btf?: BtfObject | undefined;
  /** A map of maps: what its maps are like, held by the caller for it. */
  readonly inner?: MachineMap | undefined;
  /** A program by its id. */
  program(id: number): MachineProgram | undefined;
  ended(map: MachineMap): void;
  /** Its timers are gone: what only they led to may go too. */
  unreached(): void;
}

/** A map of the simulated kernel: the bpf(2) commands over the runtime's map. */
export class MachineMap extends KernelObject implements KernelMap {
  readonly spec: MapSpec;
  readonly facts: MapTypeDef;
  readonly perCpu: boolean;
  /** Code that uses it runs with checks, also when it is verified: see MapTypeDef. */
  readonly unbounded: boolean;
  readonly runtimeMap: RuntimeMap;
  readonly btf: BtfObject | undefined;
  readonly inner: MachineMap | undefined;
  /** Programs for the sockets in it; undefined: none attach to it. */
  readonly programs: MapPrograms | undefined;
  /** The first program of an array of programs says what the others must be like. */
  owner: ProgramOwner | undefined;
  readonly runtime: Runtime;
  readonly memory: MachineMemory | undefined;
  readonly #parts: MapParts;
  /** Maps and programs in it, by key. */
  readonly #contents = new Map<string, KernelObject>();
  /** File descriptors and pins that reach it. */
  #users = 1;
  #closed = false;
  #frozen = false;

  constructor(parts: MapParts) {
    super();
    const { spec, facts, runtimeMap } = parts;
    this.#parts = parts;
    this.runtime = parts.runtime;
    this.memory = parts.memory;
    this.spec = spec;
    this.facts = facts;
    this.perCpu = facts.perCpu === true;
    this.unbounded = facts.unbounded === true;
    this.runtimeMap = runtimeMap;
    this.btf = parts.btf;
    this.inner = parts.inner;
    this.programs = facts.takesPrograms ? new MapPrograms() : undefined;
  }

  get id(): number {
    return this.runtimeMap.id;
  }

  get userValueSize(): number {
    return this.runtimeMap.userValueSize;
  }

  /** Flags as bpf_map_info tells them: with those the type adds. */
  get flags(): number {
    return this.spec.flags | (mapRules(this.spec.typeId)?.addedFlags ?? 0);
  }

  /** BPF_MAP_FREEZE was done. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** Maps and programs in it, with their keys (latin1 text of the bytes). */
  get contents(): ReadonlyMap<string, KernelObject> {
    return this.#contents;
  }

  lookup(key: Uint8Array, out: Uint8Array): number {
    return this.runtimeMap.lookup(key, out);
  }

  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    if (this.namesProgram) return this.#updateTarget(key, value, flags);
    return asReader(this.memory, () => this.runtimeMap.update(key, value, flags));
  }

  /** Values have a program behind their first word: update takes its id, bpf(2) a descriptor. */
  get namesProgram(): boolean {
    return this.facts.programFor !== undefined && this.spec.valueSize >= PROGRAM_AT + 4;
  }

  /** The entry holds its program, as long as it is there. */
  #updateTarget(key: Uint8Array, value: Uint8Array, flags: number): number {
    const given = new DataView(value.buffer, value.byteOffset, value.byteLength);
    const id = given.getInt32(PROGRAM_AT, true);
    const program = id > 0 ? this.#parts.program(id) : undefined;
    const bytes = value.slice();
    const word = id <= 0 ? 0 : program && this.#takesTarget(program) ? id : TARGET_BAD;
    new DataView(bytes.buffer).setUint32(PROGRAM_AT, word, true);
    const result = asReader(this.memory, () => this.runtimeMap.update(key, bytes, flags));
    if (result !== 0) return result;
    if (program) this.owner ??= ownerOf(program);
    this.#keep(key, program);
    return 0;
  }

  /** Of the entry's kind, bound to no device, and like the first one (bpf_prog_map_compatible). */
  #takesTarget(program: MachineProgram): boolean {
    const expected = program.expectedAttachType === attachTypeId(this.facts.programFor!);
    const named = program.parts.input
      ? expected
      : program.spec.attachType === this.facts.programFor;
    return named && !program.bound && fitsOwner(this.owner, program);
  }

  setObject(
    key: Uint8Array,
    object: KernelMap | KernelProgram | KernelOwner | KernelXsk,
    flags = 0,
  ): number {
    const refused = refusalOf(this.facts, object);
    if (refused !== undefined) return -errnos[refused]!;
    if ('number' in object)
      return this.runtimeMap.setObject(key, object.number, object.number, flags);
    if (object instanceof KernelObject && !object.alive) return -errnos['EBADF']!;
    const isMap = object instanceof MachineMap;
    const word = isMap ? object.runtimeMap.address : (object as MachineProgram).code.entry;
    const result = this.runtimeMap.setObject(key, word, object.id, flags);
    if (result === 0) this.#keep(key, object as MachineMap | MachineProgram);
    return result;
  }

  /** The number of the socket of a key in a map of such, among the owners; 0: none. */
  socketAt(key: Uint8Array): number {
    return this.runtimeMap.owner(key);
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
    const result = asReader(this.memory, () => this.runtimeMap.delete(key));
    if (result === 0) this.#keep(key, undefined);
    return result;
  }

  lookupAndDelete(key: Uint8Array, out: Uint8Array, flags = 0): number {
    return asReader(this.memory, () => this.runtimeMap.lookupAndDelete(key, out, flags));
  }

  owned(key: Uint8Array): OwningValue | undefined {
    return this.runtimeMap.owned(key);
  }

  nextKey(key: Uint8Array | undefined, out: Uint8Array): number {
    return this.runtimeMap.nextKey(key, out);
  }

  batch(command: BatchCommand, batch: MapBatch): number {
    return asReader(this.memory, () => this.runtimeMap.batch(command, batch));
  }

  mmap(options?: MapViewOptions): MapView {
    return this.runtimeMap.mmap(options);
  }

  reserve(size: number): UserRecord | number {
    if (!this.facts.userWrites) return -errnos['EINVAL']!;
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
    if (this.facts.keyIs) return;
    throw new KernelError('EINVAL', 22, `map '${this.spec.name}' is no local storage`);
  }

  freeze(): number {
    const result = this.runtimeMap.freeze();
    if (result === 0) this.#frozen = true;
    return result;
  }

  drain(): KernelRecord[] {
    return this.#parts.records.drain();
  }

  get lost(): number {
    return this.#parts.records.lost();
  }

  /** Gives the handle up; who else holds the map keeps it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.dropUser();
  }

  /** A file descriptor or a pin. */
  holdUser(): this {
    if (this.#users++ === 0) this.runtimeMap.reach(true);
    return this.hold();
  }

  /**
   * When nobody outside reaches it any more, timers in it end, and an array of programs lets go of
   * them: either may lead to a program that holds the map.
   */
  dropUser(): void {
    const unreached = --this.#users === 0;
    if (unreached) {
      this.runtimeMap.reach(false);
      if (this.facts.valueIs === 'program') this.#empty();
      this.programs?.release();
    }
    this.drop();
    if (unreached) this.#parts.unreached();
  }

  /** The handle was given up. */
  get closed(): boolean {
    return this.#closed;
  }

  /** As it was saved: nothing of its memory changes. */
  restore(
    frozen: boolean,
    contents: Iterable<readonly [string, MachineMap | MachineProgram]>,
  ): void {
    this.#frozen = frozen;
    for (const [name, object] of contents) this.#contents.set(name, object.hold());
  }

  /** What a slot holds lives with it. */
  #keep(key: Uint8Array, object: MachineMap | MachineProgram | undefined): void {
    const name = String.fromCharCode(...key);
    const old = this.#contents.get(name);
    if (object) this.#contents.set(name, object.hold());
    else this.#contents.delete(name);
    old?.drop();
  }

  #empty(): void {
    for (const name of Array.from(this.#contents.keys())) {
      const key = Uint8Array.from(name, (char) => char.charCodeAt(0));
      this.runtimeMap.delete(key);
      this.#keep(key, undefined);
    }
  }

  protected end(): void {
    for (const object of this.#contents.values()) object.drop();
    this.#contents.clear();
    this.#parts.ended(this);
    this.runtimeMap.free();
    this.inner?.drop();
    this.btf?.drop();
  }
}

/** A command changes the map as a reader; grace periods may end when it is done. */
function asReader(memory: MachineMemory | undefined, work: () => number): number {
  return memory ? memory.reading(false, work) : work();
}
