/** Maps of the kernel this process runs on. */
import { enums, errnos, mapTypeName, mapTypes } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type {
  BatchCommand,
  KernelMap,
  KernelOwner,
  KernelProgram,
  KernelRecord,
  KernelXsk,
  MapBatch,
  MapView,
  MapViewOptions,
  UserRecord,
} from '../kernel/index.ts';
import type { MapSpec } from '../object/index.ts';
import { mapMemory, type Mapped, PAGE } from './memory.ts';
import { perfSource, type RecordSource, ringSource, UserRing } from './records.ts';
import { closeFd, Info, type System } from './system.ts';

const types = enums.bpf_map_type;
const { BPF_MAP_TYPE_ARENA, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF } = types;
const { BPF_MAP_TYPE_USER_RINGBUF } = types;
const EINVAL = -errnos['EINVAL']!;
const EBADF = -errnos['EBADF']!;

/** What has a file descriptor. */
interface HasFd {
  readonly fd: number;
}

const roundUp = (size: number, to: number): number => Math.ceil(size / to) * to;

export class LinuxMap implements KernelMap {
  readonly id: number;
  readonly spec: MapSpec;
  readonly perCpu: boolean;
  readonly userValueSize: number;
  readonly system: System;
  #fd: number;
  #records: RecordSource | undefined;
  #ring: UserRing | undefined;
  #arena: Mapped | undefined;

  /** Takes the file descriptor over. `made`: this process has just created it. */
  constructor(system: System, fd: number, spec: MapSpec, made = false) {
    this.system = system;
    this.#fd = fd;
    this.spec = spec;
    this.id = new Info(system, fd, 'map').number('id');
    const facts = mapTypes.find(({ id }) => id === spec.typeId);
    this.perCpu = facts?.perCpu === true;
    this.userValueSize = this.perCpu
      ? roundUp(spec.valueSize, 8) * system.cpus
      : facts?.valueIs === 'map'
        ? 4
        : spec.valueSize;
    if (!made) return;
    if (spec.typeId === BPF_MAP_TYPE_PERF_EVENT_ARRAY) this.#openEvents();
    // Programs load only when the arena has its place in this process.
    if (spec.typeId === BPF_MAP_TYPE_ARENA) this.#arena = this.#mapArena();
  }

  /** -1 when it is closed. */
  get fd(): number {
    return this.#fd;
  }

  #openEvents(): void {
    this.#records = perfSource(this.system, (cpu, fd) => {
      if (cpu < this.spec.maxEntries) this.update(words(cpu), words(fd));
    });
  }

  lookup(key: Uint8Array, out: Uint8Array): number {
    return this.#command('mapLookupElem', key, out, 0);
  }

  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    return this.#command('mapUpdateElem', key, value, flags);
  }

  setObject(
    key: Uint8Array,
    object: KernelMap | KernelProgram | KernelOwner | KernelXsk,
    flags = 0,
  ): number {
    const fd = 'number' in object ? object.number : (object as unknown as HasFd).fd;
    if (!(fd >= 0)) return EBADF;
    const value = new Uint8Array(Math.max(4, this.spec.valueSize));
    value.set(words(fd));
    return this.update(key, value, flags);
  }

  delete(key: Uint8Array): number {
    return this.system.bpf.mapDeleteElem({ mapFd: this.#fd, key: given(key) });
  }

  lookupAndDelete(key: Uint8Array, out: Uint8Array): number {
    return this.#command('mapLookupAndDeleteElem', key, out, 0);
  }

  #command(
    name: 'mapLookupElem' | 'mapUpdateElem' | 'mapLookupAndDeleteElem',
    key: Uint8Array,
    value: Uint8Array,
    flags: number,
  ): number {
    const { keySize } = this.spec;
    const short = name !== 'mapUpdateElem' && value.length < this.userValueSize;
    if (key.length < keySize || short) return -errnos['EFAULT']!;
    return this.system.bpf[name]({ mapFd: this.#fd, key: given(key), value, flags });
  }

  nextKey(key: Uint8Array | undefined, out: Uint8Array): number {
    const { keySize } = this.spec;
    if (out.length < keySize || (key && key.length < keySize)) return -errnos['EFAULT']!;
    return this.system.bpf.mapGetNextKey({ mapFd: this.#fd, key, nextKey: out });
  }

  batch(command: BatchCommand, batch: MapBatch): number {
    const { keys, values, start, next, elemFlags, flags } = batch;
    const attr = {
      mapFd: this.#fd,
      keys,
      values,
      inBatch: start,
      outBatch: next,
      count: batch.count,
      elemFlags: elemFlags ?? 0,
      flags: flags ?? 0,
    };
    const { bpf } = this.system;
    const run = {
      lookup: bpf.mapLookupBatch,
      lookup_and_delete: bpf.mapLookupAndDeleteBatch,
      update: bpf.mapUpdateBatch,
      delete: bpf.mapDeleteBatch,
    }[command];
    const result = run(attr);
    batch.count = attr.count;
    return result;
  }

  mmap({ write = true }: MapViewOptions = {}): MapView {
    if (this.#arena) return viewOn(this.#arena, false);
    const { libc } = this.system;
    const used = roundUp(this.spec.valueSize, 8) * this.spec.maxEntries;
    // No page at all is EINVAL, whatever the map is.
    const size = Math.max(PAGE, roundUp(used, PAGE));
    const mapped = mapMemory(libc, { fd: this.#fd, size, write });
    return viewOn({ ...mapped, bytes: mapped.bytes.subarray(0, used) }, true);
  }

  #mapArena(): Mapped {
    const { libc } = this.system;
    const { maxEntries, extra } = this.spec;
    return mapMemory(libc, { fd: this.#fd, size: maxEntries * PAGE, write: true, at: extra });
  }

  reserve(size: number): UserRecord | number {
    if (this.spec.typeId !== BPF_MAP_TYPE_USER_RINGBUF) return EINVAL;
    this.#ring ??= new UserRing(this.system, this.#fd, ringSize(this.spec.maxEntries));
    return this.#ring.reserve(size);
  }

  /** Linux shows no live bytes of it. */
  storage(): undefined {
    return undefined;
  }

  freeze(): number {
    return this.system.bpf.mapFreeze({ mapFd: this.#fd });
  }

  drain(): KernelRecord[] {
    if (this.spec.typeId === BPF_MAP_TYPE_RINGBUF) {
      this.#records ??= ringSource(this.system, this.#fd, ringSize(this.spec.maxEntries));
    }
    return this.#records?.drain() ?? [];
  }

  get lost(): number {
    return this.#records?.lost ?? 0;
  }

  close(): void {
    this.#records?.close();
    this.#ring?.close();
    this.#arena?.release();
    closeFd(this.system, this.#fd);
    this.#fd = -1;
  }
}

function viewOn({ bytes, release }: Mapped, ends: boolean): MapView {
  let over = false;
  return {
    size: bytes.length,
    bytes() {
      if (over) throw new KernelError('EFAULT', 14, 'the memory is mapped no more');
      return bytes;
    },
    [Symbol.dispose]() {
      over = true;
      if (ends) release();
    },
  };
}

/** Whole pages, a power of two: what libbpf makes of the size of a ring buffer. */
export function ringSize(maxEntries: number): number {
  let size = PAGE;
  while (size < maxEntries) size *= 2;
  return size;
}

/** Types without keys are given none. */
const given = (key: Uint8Array): Uint8Array | undefined => (key.length > 0 ? key : undefined);

function words(...numbers: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(numbers).buffer);
}

/** What a map that is there already was made from, as far as Linux tells. */
export function specOf(system: System, fd: number): MapSpec {
  const info = new Info(system, fd, 'map');
  const typeId = info.number('type');
  return {
    name: info.text('name'),
    type: mapTypeName(typeId),
    typeId,
    keySize: info.number('key_size'),
    valueSize: info.number('value_size'),
    maxEntries: info.number('max_entries'),
    flags: info.number('map_flags'),
    extra: info.big('map_extra'),
    pinning: 'none',
    keyTypeId: info.number('btf_key_type_id'),
    valueTypeId: info.number('btf_value_type_id'),
  };
}
