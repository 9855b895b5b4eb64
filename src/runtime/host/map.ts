import type { OwningValue } from '../../abi/fields/types.ts';
import type { BatchCommand, MapBatch, MapView, MapViewOptions } from '../../abi/map-commands.ts';
import { mapRules } from '../../abi/map-rules.ts';
import {
  BPF_F_LOCK,
  BPF_F_MMAPABLE,
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY,
} from '../../abi/generated/6.12/constants.ts';
import type { MapTypeDef } from '../../abi/types.ts';
import { assert } from '../../base/index.ts';
import {
  M_FIELDS,
  M_FLAGS,
  M_STATE,
  MAP_FROZEN,
  MAP_UNREACHED,
  M_ID,
  M_KEY_SIZE,
  M_MAX_ENTRIES,
  M_SPIN_LOCK,
  M_STRIDE,
  M_VALUES,
  M_VALUE_SIZE,
  M_VALUE_TAG,
  REGIONS,
  REGION_SIZE,
  R_END,
  R_START,
  TAG_BASE,
} from '../layout.ts';
import type { MapDefinition, Runtime, RuntimeMap } from '../types.ts';
import { EBUSY, EINVAL, ENOTSUPP, EPERM, kernelError } from './errno.ts';
import { LiveMemory } from './live.ts';
import { doBatch } from './map-batch.ts';
import { readOwner } from './owned.ts';

type Operation = (...args: number[]) => number;
type Touch = (map: number, bytes: number) => void;
type Lookup = (map: number, key: number) => bigint;

/** What a value may be that only setObject can put into a map. */
const UNNUMBERED = new Set(['program', 'perf_event', 'xsk']);

const unsupported: Operation = () => -ENOTSUPP;

/**
 * The bpf(2) side of one map, the same for all types: keys and values go through a scratch block in
 * linear memory, the type's `_sys_*` functions do the rest.
 */
export class HostMap implements RuntimeMap {
  readonly definition: MapDefinition;
  readonly address: number;
  readonly prefix: string;
  readonly userValueSize: number;
  readonly #runtime: Runtime;
  /** Values are file descriptors for bpf(2); here {word, id}. */
  readonly #holdsObjects: boolean;
  readonly #facts: MapTypeDef;
  readonly #live: LiveMemory;
  /** Writable views of its memory. */
  #writers = 0;
  readonly #key: number;
  readonly #next: number;
  readonly #value: number;
  readonly #lookup: Operation;
  readonly #update: Operation;
  readonly #delete: Operation;
  readonly #lookupAndDelete: Operation;
  readonly #nextKey: Operation;

  constructor(runtime: Runtime, facts: MapTypeDef, definition: MapDefinition, address: number) {
    this.definition = definition;
    this.address = address;
    this.prefix = facts.runtime!;
    this.#runtime = runtime;
    this.#facts = facts;
    this.#live = new LiveMemory(runtime);
    this.#holdsObjects = facts.valueIs !== undefined;
    const { keySize, valueSize } = definition;
    this.userValueSize = facts.perCpu ? roundUp8(valueSize) * runtime.options.cpus : valueSize;
    const room = roundUp8(keySize);
    this.#key = runtime.allocate(2 * room + roundUp8(this.userValueSize) + 8, 16);
    this.#next = this.#key + room;
    this.#value = this.#next + room;
    const operation = (name: string) =>
      (runtime.exports[`${this.prefix}_${name}`] as Operation | undefined) ?? unsupported;
    this.#lookup = operation('sys_lookup');
    this.#update = operation('sys_update');
    this.#delete = operation('sys_delete');
    this.#lookupAndDelete = operation('sys_lookup_and_delete');
    this.#nextKey = operation('next_key');
  }

  /** Kernel id, as bpf_map_info.id. */
  get id(): number {
    return this.#header(M_ID);
  }

  lookup(key: Uint8Array, out: Uint8Array, flags = 0): number {
    if (flags !== 0 && flags !== BPF_F_LOCK) return -EINVAL;
    if (this.definition.flags & BPF_F_WRONLY) return -EPERM;
    if (!this.#lockable(flags)) return -EINVAL;
    this.#putKey(key);
    // Some types (bloom_filter) look up what the caller put into the value.
    this.#putValue(out.subarray(0, this.userValueSize));
    const result = this.#lookup(this.address, this.#key, this.#value, 0);
    if (result === 0) this.#take(this.#value, out, this.userValueSize);
    return result;
  }

  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    if (!this.#writable()) return -EPERM;
    if (!this.#lockable(flags)) return -EINVAL;
    this.#putKey(key);
    this.#putValue(value);
    if (this.#holdsObjects) this.#putHandle();
    if (this.#facts.namesDevice) this.#putDevice();
    return this.#update(this.address, this.#key, this.#value, flagWord(flags));
  }

  setObject(key: Uint8Array, word: number, id: number, flags = 0): number {
    assert(this.#holdsObjects, `map '${this.definition.name}' holds no objects`);
    if (!this.#writable()) return -EPERM;
    if (!this.#lockable(flags)) return -EINVAL;
    this.#putKey(key);
    this.#putWord(0, word);
    this.#putWord(4, id);
    return this.#update(this.address, this.#key, this.#value, flagWord(flags));
  }

  delete(key: Uint8Array): number {
    if (!this.#writable()) return -EPERM;
    this.#putKey(key);
    return this.#delete(this.address, this.#key);
  }

  lookupAndDelete(key: Uint8Array, out: Uint8Array, flags = 0): number {
    if (flags !== 0 && flags !== BPF_F_LOCK) return -EINVAL;
    if (!this.#writable() || this.definition.flags & BPF_F_WRONLY) return -EPERM;
    if (!this.#lockable(flags)) return -EINVAL;
    this.#putKey(key);
    const result = this.#lookupAndDelete(this.address, this.#key, this.#value, 0);
    if (result === 0) this.#take(this.#value, out, this.userValueSize);
    return result;
  }

  nextKey(key: Uint8Array | undefined, out: Uint8Array): number {
    if (this.definition.flags & BPF_F_WRONLY) return -EPERM;
    if (key) this.#putKey(key);
    const result = this.#nextKey(this.address, key ? this.#key : 0, this.#next);
    if (result === 0) this.#take(this.#next, out, this.definition.keySize);
    return result;
  }

  batch(command: BatchCommand, batch: MapBatch): number {
    const { flags } = this.definition;
    if (command.startsWith('lookup') && flags & BPF_F_WRONLY) return -EPERM;
    if (command !== 'lookup' && !this.#writable()) return -EPERM;
    const rules = mapRules(this.definition.type);
    if (!rules?.batch[command]) return -ENOTSUPP;
    const { elemFlags = 0 } = batch;
    if ((elemFlags !== 0 && elemFlags !== BPF_F_LOCK) || !this.#lockable(elemFlags)) return -EINVAL;
    return doBatch(this.#runtime, this, command, batch, rules.batchBuckets);
  }

  mmap({ write = true, populate = 0 }: MapViewOptions = {}): MapView {
    const { flags, name } = this.definition;
    const refuse = (code: string): never => {
      throw kernelError(code, `cannot map the memory of map '${name}'`);
    };
    if (flags & BPF_F_WRONLY || (write && flags & BPF_F_RDONLY)) refuse('EACCES');
    if (!mapRules(this.definition.type)?.mmap || this.#isSpecial) refuse('ENOTSUPP');
    if (write && (this.#header(M_STATE) & MAP_FROZEN) !== 0) refuse('EPERM');
    if (write && flags & BPF_F_RDONLY_PROG) refuse('EACCES');
    if (!(flags & BPF_F_MMAPABLE)) refuse('EINVAL');
    const touch = this.#runtime.exports[`${this.prefix}_populate`] as Touch | undefined;
    if (populate > 0) touch?.(this.address, populate);
    return this.#view(write);
  }

  #view(write: boolean): MapView {
    const record = (REGIONS + (this.#header(M_VALUE_TAG) - (TAG_BASE >>> 0)) * REGION_SIZE) >>> 2;
    const start = this.#runtime.u32()[record + R_START / 4]!;
    const size = this.#runtime.u32()[record + R_END / 4]! - start;
    let open = true;
    if (write) this.#writers++;
    return {
      size,
      place: () => this.#live.place(start, size),
      bytes: () => {
        if (open) return this.#runtime.u8().subarray(start, start + size);
        throw kernelError('EFAULT', `the view of map '${this.definition.name}' is closed`);
      },
      [Symbol.dispose]: () => {
        if (open && write) this.#writers--;
        open = false;
      },
    };
  }

  valueBytes(index: number): Uint8Array {
    assert(index < this.definition.maxEntries, `value ${index} of '${this.definition.name}'`);
    const start = this.#header(M_VALUES) + index * this.#header(M_STRIDE);
    return this.#runtime.u8().subarray(start, start + this.#header(M_VALUE_SIZE));
  }

  owned(key: Uint8Array): OwningValue | undefined {
    const lookup = this.#runtime.exports[`${this.prefix}_lookup`] as Lookup | undefined;
    if (!lookup || this.#facts.perCpu) return undefined;
    this.#putKey(key);
    const value = Number(BigInt.asUintN(32, lookup(this.address, this.#key)));
    const { valueSize, special } = this.definition;
    return value === 0 ? undefined : readOwner(this.#runtime, value, valueSize, special);
  }

  owner(key: Uint8Array): number {
    const number = this.#runtime.exports[`${this.prefix}_number`] as Operation | undefined;
    if (!number) return 0;
    this.#putKey(key);
    return number(this.address, this.#key) >>> 0;
  }

  /** BPF_MAP_FREEZE: bpf(2) may not write from now on; programs may. */
  freeze(): number {
    if (this.#facts.neverFrozen || this.#isSpecial) return -ENOTSUPP;
    if (!this.#writable()) return -EPERM;
    if (this.#writers > 0) return -EBUSY;
    this.#mark(MAP_FROZEN, true);
    return 0;
  }

  reach(byUsers: boolean): void {
    this.#mark(MAP_UNREACHED, !byUsers);
    if (!byUsers) (this.#runtime.exports['timers_release'] as Operation)(this.address);
  }

  #mark(bit: number, on: boolean): void {
    const words = this.#runtime.u32();
    const at = (this.address + M_STATE) >>> 2;
    words[at] = on ? words[at]! | bit : words[at]! & ~bit;
  }

  free(): void {
    const release = this.#runtime.exports[`${this.prefix}_free`] as Operation | undefined;
    this.#live.end();
    release?.(this.address);
    this.#runtime.release(this.#key);
    (this.#runtime.exports['map_discard'] as Operation)(this.address);
  }

  /** Values have special fields. */
  get #isSpecial(): boolean {
    return this.#header(M_FIELDS) !== 0;
  }

  #header(offset: number): number {
    return this.#runtime.u32()[(this.address + offset) >>> 2]!;
  }

  /** BPF_F_LOCK is for values with a lock. */
  #lockable(flags: number): boolean {
    return (flags & BPF_F_LOCK) === 0 || this.#header(M_SPIN_LOCK) !== 0;
  }

  #writable(): boolean {
    return (
      (this.definition.flags & BPF_F_RDONLY) === 0 && (this.#header(M_STATE) & MAP_FROZEN) === 0
    );
  }

  #word(offset: number): number {
    return this.#runtime.u32()[(this.#value + offset) >>> 2]!;
  }

  /**
   * A number as a value: of an owner or the address of a map. Programs, perf events and XDP sockets
   * have no numbers that the runtime knows: those come by setObject.
   */
  #putHandle(): void {
    if (this.userValueSize === 8 && this.#word(4) !== 0) this.#putWord(0, 0xffffffff);
    if (UNNUMBERED.has(this.#facts.valueIs!)) this.#putWord(0, 0);
    this.#putWord(4, this.#word(0));
  }

  /** An ifindex must be that of a device, where there are any; none has a negative one. */
  #putDevice(): void {
    const { devices, foreignDevices } = this.#runtime.host;
    const ifindex = this.#word(0);
    const strict = devices.size > 0 && !foreignDevices;
    if (strict && ifindex !== 0 && !devices.has(ifindex)) this.#putWord(0, 0xffffffff);
  }

  #putWord(offset: number, word: number): void {
    this.#runtime.u32()[(this.#value + offset) >>> 2] = word;
  }

  #putKey(key: Uint8Array): void {
    const { keySize, name } = this.definition;
    assert(key.length === keySize, `map '${name}': key of ${key.length} bytes, not ${keySize}`);
    this.#runtime.u8().set(key, this.#key);
  }

  #putValue(value: Uint8Array): void {
    const size = this.userValueSize;
    assert(
      value.length === size,
      `map '${this.definition.name}': value of ${value.length} bytes, not ${size}`,
    );
    this.#runtime.u8().set(value, this.#value);
  }

  #take(from: number, out: Uint8Array, size: number): void {
    out.set(this.#runtime.u8().subarray(from, from + size));
  }
}

/** The definition a map's header was made from (its name is not in the header). */
export function readDefinition(runtime: Runtime, address: number, type: number): MapDefinition {
  const word = (offset: number) => runtime.u32()[(address + offset) >>> 2]!;
  return {
    name: `map ${word(M_ID)}`,
    type,
    keySize: word(M_KEY_SIZE),
    valueSize: word(M_VALUE_SIZE),
    maxEntries: word(M_MAX_ENTRIES),
    flags: word(M_FLAGS),
  };
}

/** Flags as the runtime takes them: beyond 32 bits there are none, so another unknown one does. */
function flagWord(flags: number): number {
  return flags < 0 || flags > 0xffffffff ? 0x80000000 : flags;
}

function roundUp8(size: number): number {
  return Math.ceil(size / 8) * 8;
}
