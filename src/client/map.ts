import { errnoName } from '../abi/names.ts';
import { KernelError } from '../base/index.ts';
import { type Btf, type BtfInput, type BtfValue, decodeValue, encodeValue } from '../btf/index.ts';
import type {
  KernelMap,
  KernelOwner,
  KernelProgram,
  KernelSocket,
  KernelUserPages,
  KernelXsk,
  MapView,
} from '../kernel/index.ts';
import type { MapSpec } from '../object/index.ts';
import { type Codec, codecFor, prefixCodec } from './codec.ts';
import { type Live, type LiveUnknown, type LiveViews, userView, viewsFor } from './live/index.ts';
import type { UserViewOptions, ViewOptions, WritableLive } from './live/index.ts';
import { decodeOwner, placeLists, rootsIn } from './owned.ts';
import type { Input } from './typed.ts';

/**
 * A key or value as it comes out of a map: decoded by its BTF type, or bytes where there is none.
 */
export type MapValue = BtfValue | Uint8Array;

const ENOENT = -2;
const UPDATE = { any: 0, noexist: 1, exist: 2 } as const;
/** Milliseconds between looks at an empty ring buffer. */
const POLL = 5;

/** A record out of a ring buffer or perf event array. */
export interface MapRecord<T = MapValue> {
  readonly value: T;
  readonly data: Uint8Array;
  readonly cpu: number;
}

/**
 * A map as JavaScript's `Map`: `get`, `set`, `has`, `delete`, `size`, iteration. Keys and values
 * are typed by the object's BTF. A per-CPU map has an array of values per key, one for each CPU.
 *
 * ```ts
 * maps.seen.set('10.0.0.1', { packets: 1n });
 * for (const [address, { packets }] of maps.seen) report(address, packets);
 * ```
 * Failures are `KernelError`s with the code Linux gives (`E2BIG`, `EPERM`, …).
 *
 * `KeyText`: text that keys may be given as, besides `K`. `In`: what `set` takes as a value.
 */
export class MapOf<
  K = MapValue,
  V = MapValue,
  KeyText extends string = never,
  In = Input<V> | Uint8Array,
> {
  readonly name: string;
  readonly spec: MapSpec;
  readonly kernelMap: KernelMap;
  readonly #keys: Codec;
  readonly #values: Codec;
  readonly #cpus: number;
  readonly #live: LiveViews;
  /** Offsets of lists and trees in values. */
  readonly #roots: readonly number[];
  /** Types of the object the map came with. */
  readonly btf: Btf | undefined;

  constructor(kernelMap: KernelMap, btf: Btf | undefined, cpus: number) {
    const { spec } = kernelMap;
    this.kernelMap = kernelMap;
    this.spec = spec;
    this.name = spec.name;
    this.btf = btf;
    this.#live = viewsFor(kernelMap, btf);
    const mayOwn = btf && spec.valueTypeId !== 0 && kernelMap.owned && !kernelMap.perCpu;
    this.#roots = mayOwn ? rootsIn(btf, spec.valueTypeId, spec.valueSize) : [];
    this.#cpus = kernelMap.perCpu ? cpus : 1;
    const keys = codecFor(btf, spec.keyTypeId, spec.keySize);
    this.#keys = spec.type === 'lpm_trie' ? prefixCodec(keys, btf?.littleEndian ?? true) : keys;
    this.#values = codecFor(btf, spec.valueTypeId, spec.valueSize);
  }

  /** The value of a key, or undefined. */
  get(key: Input<K> | KeyText | Uint8Array): V | undefined {
    const out = new Uint8Array(this.kernelMap.userValueSize);
    const result = this.kernelMap.lookup(this.#keys.encode(key as BtfInput), out);
    if (result === ENOENT) return undefined;
    this.#check(result, 'look up in');
    return this.#withLists(this.#decode(out), () => this.#keys.encode(key as BtfInput)) as V;
  }

  /** Lists and trees of a value can be read from it as long as its key is there. */
  #withLists(value: unknown, key: () => Uint8Array): unknown {
    const { kernelMap, spec, btf } = this;
    if (this.#roots.length === 0) return value;
    const read = () => kernelMap.owned?.(key());
    return placeLists(btf!, spec.valueTypeId, value as BtfValue, this.#roots, read);
  }

  /**
   * The value of a key with the objects it owns in place: lists and trees as arrays in order,
   * kptrs as their objects (left out when empty). Undefined: no such key. Throws KernelError
   * EOPNOTSUPP where the kernel does not show them, or the object has no types.
   *
   * ```ts
   * const { flows } = maps['.bss.A'].owned(0) as { flows: { bytes: bigint }[] };
   * ```
   */
  owned(key: Input<K> | KeyText | Uint8Array): BtfValue | undefined {
    const { kernelMap, spec, btf } = this;
    if (!kernelMap.owned || !btf || spec.valueTypeId === 0) {
      throw new KernelError('EOPNOTSUPP', 95, `cannot see what map '${this.name}' owns`);
    }
    const found = kernelMap.owned(this.#keys.encode(key as BtfInput));
    return found && decodeOwner(btf, spec.valueTypeId, found);
  }

  /**
   * Sets the value of a key. `when`: only if it is not there yet, or only if it is. Entries of a
   * devmap are `{ ifindex, program }`, of a cpumap `{ qsize, program }`; reading gives the
   * program's id.
   */
  set(
    key: Input<K> | KeyText | Uint8Array,
    value: In | RedirectEntry,
    when: keyof typeof UPDATE = 'any',
  ): this {
    const bytes = this.#encode(value);
    const result = this.kernelMap.update(this.#keys.encode(key as BtfInput), bytes, UPDATE[when]);
    this.#check(result, 'update');
    return this;
  }

  /** Puts a map into a map-in-map, or a program into a prog_array. */
  setObject(
    key: Input<K> | KeyText | Uint8Array,
    object: { readonly kernelMap: KernelMap } | { readonly kernelProgram: KernelProgram },
  ): this {
    const target = 'kernelMap' in object ? object.kernelMap : object.kernelProgram;
    const result = this.kernelMap.setObject(this.#keys.encode(key as BtfInput), target);
    this.#check(result, 'update');
    return this;
  }

  /** Puts an AF_XDP socket into an xskmap. */
  setXsk(key: Input<K> | KeyText | Uint8Array, socket: KernelXsk): this {
    const result = this.kernelMap.setObject(this.#keys.encode(key as BtfInput), socket);
    this.#check(result, 'update');
    return this;
  }

  /**
   * Puts a socket into a sockmap, sockhash or reuseport_sockarray. Throws KernelError: EOPNOTSUPP
   * (a TCP socket that neither listens nor is connected, a UDP socket without a port), EBUSY (it
   * has another program of the kind, or is in the other kind of map), EEXIST, ENOENT, E2BIG; of
   * arrays EINVAL (it shares no port).
   *
   * ```ts
   * maps.peers.setSocket(0, socket);
   * ```
   */
  setSocket(
    key: Input<K> | KeyText | Uint8Array,
    { owner }: KernelSocket,
    when: keyof typeof UPDATE = 'any',
  ): this {
    const bytes = this.#keys.encode(key as BtfInput);
    this.#check(this.kernelMap.setObject(bytes, owner, UPDATE[when]), 'update');
    return this;
  }

  /** Puts a task, inode, socket or cgroup into a map of such. */
  setOwner(key: Input<K> | KeyText | Uint8Array, owner: KernelOwner): this {
    const result = this.kernelMap.setObject(this.#keys.encode(key as BtfInput), owner);
    this.#check(result, 'update');
    return this;
  }

  /**
   * The value of a task, inode, socket or cgroup in its local storage: its live bytes, which
   * programs write while you look. Undefined if it has none. Throws OwnerGone once it has died.
   */
  storageOf(owner: KernelOwner): Uint8Array | undefined {
    return this.kernelMap.storage(owner);
  }

  /**
   * Shares the memory of an arena or of an array with BPF_F_MMAPABLE, as mmap(2) does.
   *
   * ```ts
   * using view = maps.pages.view();
   * view.bytes()[0] = 1; // programs see it
   * ```
   */
  view(options?: ViewOptions): MapView;
  /**
   * A value where it is: each access to a member reads memory that programs write meanwhile. Of
   * local storage the value of a task, inode, socket or cgroup (undefined: it has none), until the
   * owner dies: then access throws OwnerGone. Of an array with BPF_F_MMAPABLE the value at an
   * index. Fields can be written only with `{ write: true }`, special fields never. Throws
   * KernelError as mmap(2) does, EOPNOTSUPP where values have no type. Linux has no such views of
   * local storage.
   *
   * ```ts
   * const v = maps.tasks.view(task);
   * v.packets; // 12n, and later more
   * v.$number('packets'); // the same as a number
   * worker.postMessage(v.$share()); // openView(shared) there
   * ```
   */
  view(
    key: KernelOwner | (Input<K> & number),
    options: { readonly write: true },
  ): WritableLive<V> | undefined;
  view(key: KernelOwner | (Input<K> & number), options?: ViewOptions): Live<V> | undefined;
  view(
    key?: ViewOptions | KernelOwner | (Input<K> & number),
    options: ViewOptions = {},
  ): MapView | Live<V> | WritableLive<V> | undefined {
    if (typeof key === 'number') return this.#live.ofIndex(key, options) as Live<V> | undefined;
    if (key && 'number' in key) return this.#live.ofOwner(key, options) as Live<V> | undefined;
    return this.kernelMap.mmap(key);
  }

  /**
   * The struct that a member with `__uptr` points to, live in the pages of its user; `offset`:
   * where in the pages. Throws KernelError ENOENT: values have no such member.
   */
  userView(member: string, pages: KernelUserPages, options: UserViewOptions = {}): LiveUnknown {
    return userView(this.kernelMap, this.btf, member, pages, options) as unknown as LiveUnknown;
  }

  /** A variable of an arena (`view`, of its first bytes). Throws KernelError ENOENT. */
  viewOf(name: string, options: ViewOptions = {}): LiveUnknown {
    return this.#live.ofGlobal(name, options) as unknown as LiveUnknown;
  }

  /**
   * All values of local storage, live, by owner; the oldest owner first.
   *
   * ```ts
   * for (const [task, v] of maps.tasks.live()) report(task.number, v.packets);
   * ```
   */
  *live(options: ViewOptions = {}): IterableIterator<[KernelOwner, Live<V>]> {
    for (const owner of this.#live.owners()) {
      // Whoever goes through them may end some.
      const view = owner.alive ? this.#live.ofOwner(owner, options) : undefined;
      if (view) yield [owner, view as unknown as Live<V>];
    }
  }

  /**
   * Writes a record into a user ring buffer, for bpf_user_ringbuf_drain. `type`: name of the struct
   * it is. Throws KernelError ENOSPC until programs have made room, E2BIG if it can never fit.
   */
  produce(value: BtfInput | Uint8Array, type?: string): void {
    const bytes =
      type === undefined
        ? (value as Uint8Array)
        : encodeValue(this.btf!, this.#typeNamed(type), value as BtfInput);
    const record = this.kernelMap.reserve(bytes.length);
    if (typeof record === 'number') return this.#check(record, 'write to');
    record.bytes().set(bytes);
    record.submit();
  }

  has(key: Input<K> | KeyText | Uint8Array): boolean {
    return this.get(key) !== undefined;
  }

  /** Takes a key out; false if it was not there. */
  delete(key: Input<K> | KeyText | Uint8Array): boolean {
    const result = this.kernelMap.delete(this.#keys.encode(key as BtfInput));
    if (result === ENOENT) return false;
    this.#check(result, 'delete from');
    return true;
  }

  /** Takes every key out. */
  clear(): void {
    const keys = Array.from(this.rawKeys());
    for (const key of keys) this.kernelMap.delete(key);
  }

  /** Number of keys (counted by going through them). */
  get size(): number {
    let count = 0;
    for (const _ of this.rawKeys()) count++;
    return count;
  }

  /** Adds a value to a queue or stack, or a member to a bloom filter. */
  push(value: In): void {
    this.#check(this.kernelMap.update(new Uint8Array(0), this.#encode(value)), 'push to');
  }

  /** Takes the next value out of a queue or stack; undefined if it is empty. */
  pop(): V | undefined {
    const out = new Uint8Array(this.kernelMap.userValueSize);
    const result = this.kernelMap.lookupAndDelete(new Uint8Array(0), out);
    if (result === ENOENT) return undefined;
    this.#check(result, 'pop from');
    return this.#decode(out) as V;
  }

  *keys(): IterableIterator<K> {
    for (const key of this.rawKeys()) yield this.#keys.decode(key) as K;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): IterableIterator<[K, V]> {
    const out = new Uint8Array(this.kernelMap.userValueSize);
    for (const key of this.rawKeys()) {
      // Somebody may have deleted it meanwhile: then it is skipped.
      if (this.kernelMap.lookup(key, out) !== 0) continue;
      const value = this.#withLists(this.#decode(out), () => key);
      yield [this.#keys.decode(key) as K, value as V];
    }
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  forEach(call: (value: V, key: K, map: this) => void): void {
    for (const [key, value] of this.entries()) call(value, key, this);
  }

  /** Keys as bytes, in the kernel's order. */
  *rawKeys(): IterableIterator<Uint8Array> {
    const { keySize } = this.spec;
    let key = new Uint8Array(keySize);
    let result = this.kernelMap.nextKey(undefined, key);
    while (result === 0) {
      const next = new Uint8Array(keySize);
      const following = this.kernelMap.nextKey(key, next);
      yield key;
      key = next;
      result = following;
    }
  }

  /**
   * What is in a ring buffer or perf event array, taken out. `type`: name of a struct to decode
   * to.
   */
  drain(type?: string): MapRecord<V>[] {
    const id = type === undefined ? undefined : this.#typeNamed(type);
    return this.kernelMap.drain().map(({ data, cpu }) => ({
      value: (id === undefined ? data : decodeValue(this.btf!, id, data)) as V,
      data,
      cpu,
    }));
  }

  /** Records as they come, until the signal is aborted. */
  async *records(
    options: { readonly signal?: AbortSignal; readonly type?: string } = {},
  ): AsyncGenerator<MapRecord<V>> {
    while (!options.signal?.aborted) {
      const records = this.drain(options.type);
      yield* records;
      if (records.length === 0) await new Promise((resolve) => setTimeout(resolve, POLL));
    }
  }

  #typeNamed(name: string): number {
    const plain = name.replace(/^struct /, '');
    const id = this.btf?.find('struct', plain) ?? this.btf?.find('typedef', plain);
    if (id !== undefined) return id;
    throw new KernelError('ENOENT', 2, `the object has no type '${name}'`);
  }

  #decode(bytes: Uint8Array): unknown {
    if (!this.kernelMap.perCpu) return this.#values.decode(bytes);
    const step = bytes.length / this.#cpus;
    return Array.from({ length: this.#cpus }, (_, cpu) =>
      this.#values.decode(bytes.subarray(cpu * step, cpu * step + this.spec.valueSize)),
    );
  }

  /** A per-CPU map takes one value per CPU, or one value for all. */
  #encode(value: unknown): Uint8Array {
    if (namesProgram(value)) return targetBytes(value, this.kernelMap.userValueSize);
    if (!this.kernelMap.perCpu) return this.#values.encode(value as BtfInput);
    const size = this.kernelMap.userValueSize;
    const bytes = new Uint8Array(size);
    const step = size / this.#cpus;
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      const one = Array.isArray(value) && value.length === this.#cpus ? value[cpu] : value;
      bytes.set(this.#values.encode(one as BtfInput), cpu * step);
    }
    return bytes;
  }

  #check(result: number, what: string): void {
    if (result >= 0) return;
    const text = `cannot ${what} map '${this.name}'`;
    throw new KernelError(errnoName(result), -result, text);
  }
}

/** An entry of a devmap or cpumap with its program (struct bpf_devmap_val, bpf_cpumap_val). */
export interface RedirectEntry {
  readonly ifindex?: number;
  readonly qsize?: number;
  readonly program: { readonly kernelProgram: KernelProgram };
}

function namesProgram(value: unknown): value is RedirectEntry {
  const program = typeof value === 'object' && value !== null && 'program' in value;
  return program && typeof value.program === 'object' && 'kernelProgram' in value.program!;
}

function targetBytes({ ifindex, qsize, program }: RedirectEntry, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ifindex ?? qsize ?? 0, true);
  if (size >= 8) view.setUint32(4, program.kernelProgram.id, true);
  return bytes;
}
