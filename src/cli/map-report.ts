import { type BtfValue, formatFlat } from '../btf/index.ts';
import type { Style } from './io.ts';
import type { DumpEntry, MapContents } from './map-contents.ts';
import { type Column, fieldNumber, formatRows, grouped } from './table.ts';
import { isFiller } from '../client/index.ts';

/** A struct's members as columns, nested ones as 'outer.inner'; other values under `name`. */
export function flatten(value: BtfValue, name = ''): [string, BtfValue][] {
  if (typeof value !== 'object' || Array.isArray(value)) return [[name, value]];
  return Object.entries(value)
    .filter(([member]) => !isFiller(member))
    .flatMap(([member, inner]) => flatten(inner, name ? `${name}.${member}` : member));
}

/** Text of a field's value. */
export function cell(value: BtfValue | undefined, name = ''): string {
  if (value === undefined) return '';
  if (typeof value === 'bigint' || typeof value === 'number') return fieldNumber(value, name);
  return typeof value === 'string' ? value : formatFlat(shortened(value));
}

/** Keys are names more than amounts: their digits are not grouped. */
/** Objects of a list or tree that a cell shows. */
const MOST_OBJECTS = 4;

/** A list or tree with many objects: the first ones, and how many more. */
function shortened(value: BtfValue): BtfValue {
  if (!Array.isArray(value) || value.length <= MOST_OBJECTS) return value;
  const list = value as readonly BtfValue[];
  if (typeof list[0] !== 'object') return value;
  const more = (list.length - MOST_OBJECTS).toLocaleString('en-US');
  return [...list.slice(0, MOST_OBJECTS), `… ${more} more`];
}

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

/** A map as a heading and a table that fits `width`; at most `limit` entries. */
export function mapText(dump: MapContents, limit: number, width: number, style: Style): string {
  const { map, total, zeros } = dump;
  const heading = `${style.bold(map.spec.name)} ${style.dim(`(${facts(dump)})`)}\n`;
  if (dump.count === 0) return heading;
  const left = Math.max(0, total - zeros - limit);
  const more = left > 0 ? `  ${style.dim(`… ${grouped(left)} more`)}\n` : '';
  return heading + entryTable(dump.entries(limit), map.perCpu, width, style) + more;
}

function facts({ map, type, total, zeros, cut, slotted }: MapContents): string {
  const size = `${cut ? 'more than ' : ''}${grouped(total - zeros)}`;
  const of = `${size} of ${grouped(map.spec.maxEntries)}`;
  const counted = slotted ? `${of} slots in use` : `${of} entries`;
  return `${type}, ${counted}${map.perCpu ? ', sums over CPUs' : ''}`;
}

function entryTable(
  entries: readonly DumpEntry[],
  perCpu: boolean,
  width: number,
  style: Style,
): string {
  const rows = entries.map((entry) => ({
    key: flatten(entry.key),
    value: flatten(combined(entry, perCpu)),
  }));
  const first = rows[0];
  if (!first) return '';
  const columns: Column[] = [
    ...first.key.map(([name, value]) => ({ head: name || 'key', right: isNumber(value) })),
    ...first.value.map(([name, value]) => ({ head: name || 'value', right: isNumber(value) })),
  ];
  const lines = rows.map(({ key, value }) => [
    ...key.map(([, one]) => keyCell(one)),
    ...value.map(([name, one]) => cell(one, name)),
  ]);
  return formatRows(columns, lines, width, style.dim);
}

/** A map for JSON: the keys bpftool uses. */
export function mapJson(dump: MapContents): object {
  const { map, type } = dump;
  return {
    name: map.spec.name,
    type,
    max_entries: map.spec.maxEntries,
    entries: dump.entries().map(({ key, value }) => ({
      key,
      ...(map.perCpu
        ? { values: (value as readonly BtfValue[]).map((one, cpu) => ({ cpu, value: one })) }
        : { value }),
    })),
  };
}
