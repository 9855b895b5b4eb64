import type { Btf, BtfValue } from '../btf/index.ts';
import { decodeOwner, decodeReadable, isFiller, MapOf, prefixText } from '../client/index.ts';
import type { KernelMap, OwningValue } from '../kernel/index.ts';

/** Entries looked at in one map: more would make the end of a run long. */
const SCAN_LIMIT = 200_000;

/** Types with slots: a slot that was never written is no news. */
const SLOTTED = /array/;
/** Types whose values are objects of the kernel, or that cannot be looked into. */
const OPAQUE = /^(prog_array|perf_event_array|array_of_maps|hash_of_maps|ringbuf|bloom_filter)$/;

/** An entry as it is in the map: all CPUs' values one after the other. */
interface RawEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** What it owns, if it has fields that may. */
  readonly owner?: OwningValue | undefined;
}

/** One entry, decoded. */
export interface DumpEntry {
  readonly key: BtfValue;
  /** One value, or one per CPU. */
  readonly value: BtfValue | readonly BtfValue[];
}

/** A map's contents, taken once and decoded when they are asked for. */
export class MapContents {
  readonly map: KernelMap;
  readonly type: string;
  /** True for types that have a slot for every key. */
  readonly slotted: boolean;
  /** Entries there are, those that are left out included. */
  total = 0;
  /** Slots that are all zero and left out. */
  zeros = 0;
  /** True if there are more than were looked at. */
  cut = false;
  readonly #raw: RawEntry[] = [];
  readonly #btf: Btf | undefined;
  readonly #cpus: number;

  constructor(map: KernelMap, btf: Btf | undefined, cpus: number) {
    this.map = map;
    this.#btf = btf;
    this.#cpus = map.perCpu ? cpus : 1;
    this.type = map.spec.type ?? `type ${map.spec.typeId}`;
    this.slotted = SLOTTED.test(this.type);
    this.#read(cpus);
  }

  #read(cpus: number): void {
    const { map } = this;
    const hideZeros = this.slotted && !map.spec.dataSection;
    const value = new Uint8Array(map.userValueSize);
    let scanned = 0;
    for (const key of new MapOf(map, undefined, cpus).rawKeys()) {
      this.cut = scanned++ >= SCAN_LIMIT;
      if (this.cut) return;
      // Slots for objects have a key also when they are empty.
      if (map.lookup(key, value) !== 0) continue;
      this.total++;
      if (hideZeros && value.every((byte) => byte === 0)) this.zeros++;
      else this.#raw.push({ key, value: value.slice(), owner: owningValue(map, key) });
    }
  }

  /** Entries kept. */
  get count(): number {
    return this.#raw.length;
  }

  /**
   * The first `limit` entries: largest first number first, or in order if all of a slotted map
   * fit.
   */
  entries(limit = Infinity): DumpEntry[] {
    const inOrder = this.slotted && this.#raw.length <= limit;
    const raw = inOrder || limit === Infinity ? this.#raw : this.#ranked();
    return raw.slice(0, limit).map(({ key, value, owner }) => ({
      key: this.#decodeKey(key),
      value: owner ? this.#decodeOwner(owner) : this.#decodeValue(value),
    }));
  }

  #ranked(): RawEntry[] {
    const number = this.#firstNumber();
    if (!number) return this.#raw;
    const ranks = this.#raw.map((entry) => ({ entry, rank: number(entry.value) }));
    return ranks.sort((a, b) => b.rank - a.rank).map(({ entry }) => entry);
  }

  /** Reads the first number of a value, added up over CPUs, without decoding the rest. */
  #firstNumber(): ((value: Uint8Array) => number) | undefined {
    const { spec } = this.map;
    const place =
      this.#btf && spec.valueTypeId !== 0
        ? firstInteger(this.#btf, spec.valueTypeId, 0)
        : { offset: 0, size: spec.valueSize };
    if (!place || ![1, 2, 4, 8].includes(place.size)) return undefined;
    const step = this.map.userValueSize / this.#cpus;
    return (value) => {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      let sum = 0;
      for (let cpu = 0; cpu < this.#cpus; cpu++) {
        sum += unsigned(view, cpu * step + place.offset, place.size);
      }
      return sum;
    };
  }

  #decodeKey(key: Uint8Array): BtfValue {
    const { spec } = this.map;
    if (spec.type === 'lpm_trie') return prefixText(key);
    return decodeReadable(this.#btf, spec.keyTypeId, key);
  }

  #decodeOwner(owner: OwningValue): BtfValue {
    return decodeOwner(this.#btf!, this.map.spec.valueTypeId, owner, decodeReadable);
  }

  #decodeValue(value: Uint8Array): BtfValue {
    const { valueTypeId, valueSize } = this.map.spec;
    if (!this.map.perCpu) return decodeReadable(this.#btf, valueTypeId, value);
    const step = value.length / this.#cpus;
    return Array.from({ length: this.#cpus }, (_, cpu) => {
      const one = value.subarray(cpu * step, cpu * step + valueSize);
      return decodeReadable(this.#btf, valueTypeId, one);
    });
  }
}

/** An entry that owns objects, or may: where values have no such fields there is none. */
function owningValue(map: KernelMap, key: Uint8Array): OwningValue | undefined {
  if (map.spec.valueTypeId === 0) return undefined;
  const owner = map.owned?.(key);
  return owner?.fields.some(({ kind }) => kind !== 'plain') ? owner : undefined;
}

/** Reads out a map; undefined for types that hold nothing to look at. */
export function readMap(map: KernelMap, btf: Btf | undefined, cpus: number) {
  const opaque = OPAQUE.test(map.spec.type ?? '') || map.spec.keySize === 0;
  return opaque ? undefined : new MapContents(map, btf, cpus);
}

/** Where the first integer of a type is: in a struct, its first member that is or has one. */
function firstInteger(
  btf: Btf,
  typeId: number,
  offset: number,
): { offset: number; size: number } | undefined {
  const type = btf.resolved(typeId);
  if (type.kind === 'int') return { offset, size: type.size };
  if (type.kind !== 'struct') return undefined;
  for (const member of type.members) {
    if (member.bitSize !== 0 || isFiller(member.name)) continue;
    const found = firstInteger(btf, member.type, offset + member.bitOffset / 8);
    if (found) return found;
  }
  return undefined;
}

function unsigned(view: DataView, at: number, size: number): number {
  switch (size) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true);
    case 4:
      return view.getUint32(at, true);
    default:
      return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
  }
}
