import { mapTypes } from '../../src/abi/maps/index.ts';
import type { KernelError } from '../../src/base/index.ts';
import {
  createRuntime,
  type MapDefinition,
  type Runtime,
  type RuntimeMap,
} from '../../src/runtime/index.ts';

/** Errnos that map operations answer. */
export const EPERM = -1;
export const ENOENT = -2;
export const E2BIG = -7;
export const EBADF = -9;
export const EAGAIN = -11;
export const EEXIST = -17;
export const ENODEV = -19;
export const EINVAL = -22;
export const ENOSPC = -28;
export const EOVERFLOW = -75;
export const EOPNOTSUPP = -95;
export const ENOTSUPP = -524;

export const ANY = 0;
export const NOEXIST = 1;
export const EXIST = 2;
export const NO_PREALLOC = 1;
export const NO_COMMON_LRU = 2;
export const ZERO_SEED = 64;
export const MMAPABLE = 1024;

export const typeId = (name: string): number => mapTypes.find((type) => type.name === name)!.id;

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

export function number(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** A definition that every type accepts, with changes. */
export function definition(type: string, changes: Partial<MapDefinition> = {}): MapDefinition {
  const base = { name: 'm', type: typeId(type), keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };
  return { ...base, ...usual[type], ...changes };
}

const usual: Record<string, Partial<MapDefinition>> = {
  lpm_trie: { keySize: 8, flags: NO_PREALLOC },
  prog_array: { valueSize: 4 },
  perf_event_array: { valueSize: 4 },
  array_of_maps: { valueSize: 4 },
  hash_of_maps: { valueSize: 4 },
  xskmap: { valueSize: 4 },
  queue: { keySize: 0 },
  stack: { keySize: 0 },
  bloom_filter: { keySize: 0 },
  ringbuf: { keySize: 0, valueSize: 0, maxEntries: 4096 },
  user_ringbuf: { keySize: 0, valueSize: 0, maxEntries: 4096 },
  arena: { keySize: 0, valueSize: 0, flags: MMAPABLE },
  wildcard: {
    keySize: 12,
    flags: NO_PREALLOC,
    fields: [{ name: 'f', kind: 'match', size: 4, element: 8, value: 8, second: undefined }],
  },
  cgroup_array: { valueSize: 4 },
  cgroup_storage: { maxEntries: 0, keySize: 16 },
  percpu_cgroup_storage: { maxEntries: 0, keySize: 16 },
  static_key: { valueSize: 4, maxEntries: 1 },
  insn_array: { valueSize: 16 },
  struct_ops: { valueSize: 128, maxEntries: 1, kernelType: { size: 128 } },
  ...Object.fromEntries(
    ['sk', 'inode', 'task', 'cgrp'].map((kind) => [
      `${kind}_storage`,
      { maxEntries: 0, flags: NO_PREALLOC, keyTypeId: 1, valueTypeId: 1 },
    ]),
  ),
};

/** 0, or the negative errno that making the map ends in. */
export function createErrno(runtime: Runtime, wanted: MapDefinition): number {
  try {
    runtime.createMap(wanted).free();
    return 0;
  } catch (error) {
    return -(error as KernelError).errno;
  }
}

/** The program side of a map: what compiled code and helpers call. */
export class Program {
  readonly runtime: Runtime;
  readonly map: RuntimeMap;
  readonly #key: number;
  readonly #value: number;

  constructor(runtime: Runtime, map: RuntimeMap) {
    this.runtime = runtime;
    this.map = map;
    this.#key = runtime.allocate(512);
    this.#value = runtime.allocate(4096);
  }

  call(name: string, ...args: (number | bigint)[]): number | bigint {
    const fn = this.runtime.exports[`${this.map.prefix}_${name}`] as unknown as (
      ...args: (number | bigint)[]
    ) => number | bigint;
    return fn(this.map.address, ...args);
  }

  putKey(key: Uint8Array): number {
    this.runtime.u8().set(key, this.#key);
    return this.#key;
  }

  putValue(value: Uint8Array): number {
    this.runtime.u8().set(value, this.#value);
    return this.#value;
  }

  /** Tagged pointer to the value, 0n if there is none. */
  lookup(key: Uint8Array): bigint {
    return BigInt.asUintN(64, this.call('lookup', this.putKey(key)) as bigint);
  }

  /** Bytes of the value, or undefined. */
  read(key: Uint8Array): Uint8Array | undefined {
    const pointer = this.lookup(key);
    return pointer === 0n ? undefined : this.at(pointer, this.map.definition.valueSize);
  }

  at(pointer: bigint, size: number): Uint8Array {
    const start = Number(pointer & 0xffffffffn);
    return this.runtime.u8().slice(start, start + size);
  }

  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    return Number(this.call('update', this.putKey(key), this.putValue(value), BigInt(flags)));
  }

  delete(key: Uint8Array): number {
    return Number(this.call('delete', this.putKey(key)));
  }

  push(value: Uint8Array, flags = 0): number {
    return Number(this.call('push', this.putValue(value), BigInt(flags)));
  }

  /** The element, or a negative errno. */
  take(operation: 'pop' | 'peek'): Uint8Array | number {
    const at = this.putValue(new Uint8Array(this.map.definition.valueSize).fill(0xee));
    const result = Number(this.call(operation, at));
    return result !== 0 ? result : this.runtime.u8().slice(at, at + this.map.definition.valueSize);
  }
}

/** All keys in the order bpf(2) gives them. */
export function keysOf(map: RuntimeMap): Uint8Array[] {
  const keys: Uint8Array[] = [];
  let key: Uint8Array | undefined;
  for (;;) {
    const next = new Uint8Array(map.definition.keySize);
    if (map.nextKey(key, next) !== 0) return keys;
    keys.push(next);
    key = next;
    if (keys.length > 100_000) throw new Error('get_next_key does not end');
  }
}

/** Value of a key as bpf(2) reads it, or a negative errno. */
export function valueOf(map: RuntimeMap, key: Uint8Array): Uint8Array | number {
  const out = new Uint8Array(map.userValueSize);
  const result = map.lookup(key, out);
  return result === 0 ? out : result;
}

export function newMap(
  type: string,
  changes: Partial<MapDefinition> = {},
  options: { cpus?: number; shared?: boolean } = {},
): { runtime: Runtime; map: RuntimeMap; program: Program } {
  const runtime = createRuntime({ cpus: 1, ...options });
  const map = runtime.createMap(definition(type, changes));
  return { runtime, map, program: new Program(runtime, map) };
}
