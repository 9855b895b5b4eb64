/** Maps as a process of the machine has them: by bpf(2) alone. */
import { constants, enums, errnos, mapTypes } from '../../src/abi/index.ts';
import { KernelError } from '../../src/base/index.ts';
import type { BpfSyscall, MapBatchAttr } from '../../src/kernel/index.ts';
import { bpfSyscall, Process } from '../../src/machine/bpf/index.ts';
import { bootMachine, type Machine } from '../../src/machine/index.ts';

export const { BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_F_RDONLY, BPF_F_WRONLY } = constants;
export const [ANY, NOEXIST, EXIST] = [0, 1, 2];

/** Negative errno, or a number that is no error. */
export const errno = (name: string): number => -errnos[name]!;

/** The word of a result: 'ENOENT', or the number itself. */
export function word(result: number): string | number {
  if (result >= 0) return result;
  return Object.entries(errnos).find(([, number]) => number === -result)?.[0] ?? result;
}

export interface Definition {
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly maxEntries?: number;
  readonly flags?: number;
  readonly inner?: UserMap;
}

/** A number in as many bytes as a map wants, little-endian. */
export function bytesOf(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size >= 8) view.setBigInt64(0, BigInt(value), true);
  else if (size >= 4) view.setUint32(0, value >>> 0, true);
  else bytes[0] = value;
  return bytes;
}

export function numberOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (bytes.length >= 8) return Number(view.getBigInt64(0, true));
  return bytes.length >= 4 ? view.getUint32(0, true) : bytes[0]!;
}

/** A process and what it opens. */
export class User {
  readonly bpf: BpfSyscall;
  readonly process: Process;
  readonly cpus: number;

  constructor(machine: Machine) {
    this.process = new Process(machine);
    this.bpf = bpfSyscall(this.process);
    this.cpus = machine.cpus;
  }

  static async boot(): Promise<User> {
    return new User((await bootMachine({ cpus: 2 })).machine);
  }

  /** A negative errno, or the map. */
  tryCreate(type: string, definition: Definition = {}): UserMap | number {
    const { keySize = 4, valueSize = 8, maxEntries = 2, flags = 0, inner } = definition;
    const mapType =
      enums.bpf_map_type[`BPF_MAP_TYPE_${type.toUpperCase()}` as keyof typeof enums.bpf_map_type];
    const fd = this.bpf.mapCreate({
      mapType,
      keySize,
      valueSize,
      maxEntries,
      mapFlags: flags,
      ...(inner && { innerMapFd: inner.fd }),
    });
    return fd < 0 ? fd : new UserMap(this, fd, type, keySize, valueSize);
  }

  create(type: string, definition?: Definition): UserMap {
    const map = this.tryCreate(type, definition);
    if (typeof map === 'number') throw new KernelError(String(word(map)), -map, type);
    return map;
  }
}

/** A file descriptor of a map. Results are words: 0, or an errno's name. */
export class UserMap {
  readonly #user: User;
  readonly fd: number;
  readonly keySize: number;
  /** Of a value as user space has it: of per-CPU types all CPUs' together. */
  readonly valueSize: number;
  readonly copies: number;

  constructor(user: User, fd: number, type: string, keySize: number, valueSize: number) {
    const perCpu = mapTypes.find(({ name }) => name === type)!.perCpu ?? false;
    this.#user = user;
    this.fd = fd;
    this.keySize = keySize;
    this.copies = perCpu ? user.cpus : 1;
    this.valueSize = perCpu ? ((valueSize + 7) & ~7) * user.cpus : valueSize;
  }

  /** Undefined where there are no keys: user space must give none. */
  key(key: number | Uint8Array | undefined): Uint8Array | undefined {
    if (this.keySize === 0) return undefined;
    return typeof key === 'number' ? bytesOf(key, this.keySize) : key;
  }

  /** Of per-CPU types: the number plus that of the CPU. */
  value(value: number | Uint8Array): Uint8Array {
    if (typeof value !== 'number') return value;
    const size = this.valueSize / this.copies;
    const bytes = new Uint8Array(this.valueSize);
    for (let cpu = 0; cpu < this.copies; cpu++) bytes.set(bytesOf(value + cpu, size), cpu * size);
    return bytes;
  }

  update(key: number | Uint8Array, value: number | Uint8Array, flags: number | bigint = 0) {
    const attr = { mapFd: this.fd, key: this.key(key), value: this.value(value), flags };
    return word(this.#user.bpf.mapUpdateElem(attr));
  }

  /** The first number of the value, or an errno's name. */
  lookup(key: number | Uint8Array): string | number {
    const value = this.value(0);
    const attr = { mapFd: this.fd, key: this.key(key), value };
    const result = this.#user.bpf.mapLookupElem(attr);
    return result === 0 ? numberOf(value) : word(result);
  }

  /** All bytes of the value, or an errno's name. */
  bytes(key: number | Uint8Array): Uint8Array | string | number {
    const value = this.value(0);
    const result = this.#user.bpf.mapLookupElem({ mapFd: this.fd, key: this.key(key), value });
    return result === 0 ? value : word(result);
  }

  take(key: number | Uint8Array): string | number {
    const value = this.value(0);
    const attr = { mapFd: this.fd, key: this.key(key), value };
    const result = this.#user.bpf.mapLookupAndDeleteElem(attr);
    return result === 0 ? numberOf(value) : word(result);
  }

  delete(key: number | Uint8Array) {
    return word(this.#user.bpf.mapDeleteElem({ mapFd: this.fd, key: this.key(key) }));
  }

  /** The next key as bytes, or an errno's name. */
  next(key: number | Uint8Array | undefined): Uint8Array | string | number {
    const nextKey = new Uint8Array(this.keySize);
    const attr = { mapFd: this.fd, key: this.key(key), nextKey };
    const result = this.#user.bpf.mapGetNextKey(attr);
    return result === 0 ? nextKey : word(result);
  }

  /** All keys as numbers, in the kernel's order. */
  keys(): number[] {
    const keys: number[] = [];
    for (let key = this.next(undefined); key instanceof Uint8Array; key = this.next(key)) {
      keys.push(numberOf(key));
    }
    return keys;
  }

  freeze() {
    return word(this.#user.bpf.mapFreeze({ mapFd: this.fd }));
  }

  close() {
    this.#user.process.close(this.fd);
  }

  /** One batch command. `position` goes on where another stopped, and is moved on. */
  batch(command: Batch, { keys, values, count, position }: BatchAsked) {
    const attr: MapBatchAttr = {
      mapFd: this.fd,
      count: count ?? keys?.length ?? 0,
      keys: new Uint8Array((count ?? keys?.length ?? 0) * this.keySize),
      values: new Uint8Array((count ?? keys?.length ?? 0) * this.valueSize),
      outBatch: new Uint8Array(Math.max(4, this.keySize)),
      ...(position?.at && { inBatch: position.at }),
    };
    keys?.forEach((key, i) => attr.keys!.set(this.key(key)!, i * this.keySize));
    values?.forEach((value, i) => attr.values!.set(this.value(value), i * this.valueSize));
    const result = word(this.#user.bpf[COMMANDS[command]](attr));
    if (position) position.at = attr.outBatch!;
    return { result, count: attr.count!, pairs: this.#pairs(attr) };
  }

  #pairs({ keys, values, count }: MapBatchAttr): [number, number][] {
    return Array.from({ length: count! }, (_, i) => [
      numberOf(keys!.subarray(i * this.keySize, (i + 1) * this.keySize)),
      numberOf(values!.subarray(i * this.valueSize, (i + 1) * this.valueSize)),
    ]);
  }
}

type Batch = keyof typeof COMMANDS;
const COMMANDS = {
  lookup: 'mapLookupBatch',
  take: 'mapLookupAndDeleteBatch',
  update: 'mapUpdateBatch',
  delete: 'mapDeleteBatch',
} as const;

interface BatchAsked {
  readonly keys?: readonly (number | Uint8Array)[];
  readonly values?: readonly (number | Uint8Array)[];
  /** Default: as many as there are keys. */
  readonly count?: number;
  readonly position?: { at?: Uint8Array };
}
