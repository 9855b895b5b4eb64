import { type Btf, type BtfValue, decodeValue, formatFlat } from '../btf/index.ts';
import { MapOf } from '../client/index.ts';
import type { KernelMap } from '../kernel/index.ts';
import type { Style } from './io.ts';
import { type Column, fieldNumber, formatRows, grouped } from './table.ts';
import { prefixText, readable } from './values.ts';

/** Entries looked at in one map: more would make the end of a run long. */
const SCAN_LIMIT = 200_000;

/** One entry, decoded. */
export interface DumpEntry {
  readonly key: BtfValue;
  /** One value, or one per CPU. */
  readonly value: BtfValue | readonly BtfValue[];
}

/** A map's contents, taken once. */
export interface MapDump {
  readonly name: string;
  readonly type: string;
  readonly maxEntries: number;
  readonly perCpu: boolean;
  readonly entries: readonly DumpEntry[];
  /** Entries there are, those that are left out included. */
  readonly total: number;
  /** Array slots that are all zero and left out. */
  readonly zeros: number;
  /** True if there are more than were looked at. */
  readonly cut: boolean;
}

/** Types with slots: a slot that was never written is no news. */
const SLOTTED = /array/;
/** Types whose values are objects of the kernel, or that cannot be looked into. */
const OPAQUE = /^(prog_array|perf_event_array|array_of_maps|hash_of_maps|ringbuf|bloom_filter)$/;

/** Reads out a map; undefined for types that hold nothing to look at. */
export function dumpMap(map: KernelMap, btf: Btf | undefined, cpus: number): MapDump | undefined {
  const { spec } = map;
  const type = spec.type ?? `type ${spec.typeId}`;
  if (OPAQUE.test(type) || spec.keySize === 0) return undefined;
  const raw: { key: Uint8Array; value: Uint8Array }[] = [];
  let scanned = 0;
  let total = 0;
  let zeros = 0;
  for (const key of new MapOf(map, btf, cpus).rawKeys()) {
    if (scanned++ >= SCAN_LIMIT) break;
    const value = new Uint8Array(map.userValueSize);
    // Slots for objects have a key also when they are empty.
    if (map.lookup(key, value) !== 0) continue;
    total++;
    if (SLOTTED.test(type) && !spec.dataSection && value.every((byte) => byte === 0)) zeros++;
    else raw.push({ key, value });
  }
  const entries = raw.map(({ key, value }) => ({
    key: decodeKey(map, btf, key),
    value: decodeValues(map, btf, value, cpus),
  }));
  return {
    name: spec.name,
    type,
    maxEntries: spec.maxEntries,
    perCpu: map.perCpu,
    entries,
    total,
    zeros,
    cut: scanned > SCAN_LIMIT,
  };
}

function decodeKey({ spec }: KernelMap, btf: Btf | undefined, key: Uint8Array): BtfValue {
  if (spec.type === 'lpm_trie') return prefixText(key);
  return decodeReadable(btf, spec.keyTypeId, key, 'key');
}

function decodeValues(
  map: KernelMap,
  btf: Btf | undefined,
  value: Uint8Array,
  cpus: number,
): BtfValue {
  const { spec } = map;
  if (!map.perCpu) return decodeReadable(btf, spec.valueTypeId, value, '');
  const step = value.length / cpus;
  return Array.from({ length: cpus }, (_, cpu) => {
    const one = value.subarray(cpu * step, cpu * step + spec.valueSize);
    return decodeReadable(btf, spec.valueTypeId, one, '');
  });
}

/** Decoded by type if the object says one, as a number if it is small, else as bytes in hex. */
export function decodeReadable(
  btf: Btf | undefined,
  typeId: number,
  bytes: Uint8Array,
  name: string,
): BtfValue {
  if (btf && typeId !== 0) {
    return readable(btf, typeId, decodeValue(btf, typeId, bytes), name === 'key' ? '' : name);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return view.getUint32(0, true);
  if (bytes.length === 8) return view.getBigUint64(0, true);
  return readable(btf, 0, bytes, '');
}

/** A struct's members as columns, nested ones as 'outer.inner'; other values under `name`. */
export function flatten(value: BtfValue, name = ''): [string, BtfValue][] {
  if (typeof value !== 'object' || Array.isArray(value)) return [[name, value]];
  return Object.entries(value)
    .filter(([member]) => !/^(unused|pad|padding|reserved|_+\w*)$/.test(member))
    .flatMap(([member, inner]) => flatten(inner, name ? `${name}.${member}` : member));
}

/** Text of a field's value. */
export function cell(value: BtfValue | undefined, name = ''): string {
  if (value === undefined) return '';
  if (typeof value === 'bigint' || typeof value === 'number') return fieldNumber(value, name);
  return typeof value === 'string' ? value : formatFlat(value);
}

/** Keys are names more than amounts: their digits are not grouped. */
const keyCell = (value: BtfValue): string => (isNumber(value) ? String(value) : cell(value));

const isNumber = (value: BtfValue | undefined) =>
  typeof value === 'number' || typeof value === 'bigint';

/** Per-CPU numbers are added up; what cannot be added is shown per CPU. */
function combined(entry: DumpEntry, perCpu: boolean): BtfValue {
  if (!perCpu) return entry.value;
  const values = entry.value as readonly BtfValue[];
  return values.length === 1 ? values[0]! : (addUp(values) ?? values);
}

function addUp(values: readonly BtfValue[]): BtfValue | undefined {
  if (values.every((value) => typeof value === 'bigint' || typeof value === 'number')) {
    return values.reduce<bigint>((sum, value) => sum + BigInt(value as bigint), 0n);
  }
  const first = values[0]!;
  if (typeof first !== 'object' || Array.isArray(first)) return undefined;
  const members: [string, BtfValue | undefined][] = Object.keys(first).map((name) => [
    name,
    addUp(values.map((value) => (value as Record<string, BtfValue>)[name]!)),
  ]);
  if (members.some(([, value]) => value === undefined)) return undefined;
  return Object.fromEntries(members) as BtfValue;
}

/**
 * Largest first, by the first number in the value; arrays that are shown whole keep their order.
 */
function ordered(dump: MapDump, limit: number): [DumpEntry, [string, BtfValue][]][] {
  const rows = dump.entries.map((entry): [DumpEntry, [string, BtfValue][]] => [
    entry,
    flatten(combined(entry, dump.perCpu)),
  ]);
  if (SLOTTED.test(dump.type) && rows.length <= limit) return rows;
  const rank = (row: [string, BtfValue][]) =>
    Number(row.find(([, value]) => isNumber(value))?.[1] ?? 0);
  return rows.sort((a, b) => rank(b[1]) - rank(a[1]));
}

/** A map as a heading and a table that fits `width`; at most `limit` entries. */
export function mapText(dump: MapDump, limit: number, width: number, style: Style): string {
  const size = dump.cut ? `more than ${grouped(dump.total)}` : grouped(dump.total - dump.zeros);
  const counted = `${dump.type}, ${size} of ${grouped(dump.maxEntries)} entries`;
  const facts = SLOTTED.test(dump.type) ? counted.replace(' entries', ' slots in use') : counted;
  const sum = dump.perCpu ? ', sums over CPUs' : '';
  const heading = `${style.bold(dump.name)} ${style.dim(`(${facts}${sum})`)}\n`;
  if (dump.entries.length === 0) return heading;
  const rows = ordered(dump, limit);
  const shown = rows.slice(0, limit);
  const left = rows.length - shown.length;
  const more = left > 0 ? `  ${style.dim(`… ${grouped(left)} more`)}\n` : '';
  return heading + entryTable(shown, width, style) + more;
}

function entryTable(
  rows: readonly [DumpEntry, [string, BtfValue][]][],
  width: number,
  style: Style,
): string {
  const keys = rows.map(([entry]) => flatten(entry.key));
  const fields = rows.map(([, row], i) => ({ key: keys[i]!, row }));
  const first = fields[0]!;
  const columns: Column[] = [
    ...first.key.map(([name, value]) => ({ head: name || 'key', right: isNumber(value) })),
    ...first.row.map(([name, value]) => ({ head: name || 'value', right: isNumber(value) })),
  ];
  const lines = fields.map(({ key, row }) => [
    ...key.map(([, value]) => keyCell(value)),
    ...row.map(([name, value]) => cell(value, name)),
  ]);
  return formatRows(columns, lines, width, style.dim);
}

/** A map for JSON: the keys bpftool uses. */
export function mapJson(dump: MapDump): object {
  return {
    name: dump.name,
    type: dump.type,
    max_entries: dump.maxEntries,
    entries: dump.entries.map(({ key, value }) => ({
      key,
      ...(dump.perCpu
        ? { values: (value as readonly BtfValue[]).map((one, cpu) => ({ cpu, value: one })) }
        : { value }),
    })),
  };
}
