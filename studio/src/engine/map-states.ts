/** What is in the maps of an object, as text. */
import type { LoadedObject, MapOf, MapValue } from 'beeyard';
import { type Btf, decodeValue } from 'beeyard/btf';
import { hexWords, isPlainObject, valueWords } from '../model/values.ts';
import type { MapRow, MapState } from '../protocol.ts';

/** Entries shown of a map. */
const SHOWN = 64;
/** Entries looked at: more would make a step long. */
const SCANNED = 4096;
/** Their values are objects of the kernel, which have no bytes to show. */
const CLOSED = /^(bloom_filter|stack_trace|arena|struct_ops|.*storage)$/;
const RECORDS = /^(ringbuf|user_ringbuf|perf_event_array)$/;
const QUEUES = /^(queue|stack)$/;
/** A slot holds an object, and reads as its id. */
const OBJECTS = /prog_array|of_maps|devmap|cpumap|xskmap|sock|cgroup_array/;

/** Looking empties queues and ring buffers: whoever asks puts memory back afterwards. */
export function mapStates({ maps, object }: LoadedObject): MapState[] {
  return Object.values(maps).map((map) => mapState(map as MapOf, object.btf));
}

function mapState(map: MapOf, btf: Btf | undefined): MapState {
  const type = map.spec.type ?? 'unknown';
  const state = { name: map.name, type };
  if (CLOSED.test(type)) {
    const closed = `entries of a ${type} cannot be listed`;
    return { ...state, columns: [], entries: [], more: 0, closed };
  }
  if (RECORDS.test(type)) return { ...state, ...recordRows(map, btf) };
  if (QUEUES.test(type)) return { ...state, ...rowsOf(numbered(popped(map)), map) };
  return { ...state, ...rowsOf(listed(map, type), map) };
}

function* listed(map: MapOf, type: string): Generator<[string, unknown]> {
  let scanned = 0;
  const isSlotted = type.includes('array') && !OBJECTS.test(type);
  for (const [key, value] of map.entries()) {
    if (scanned++ >= SCANNED) return;
    // Slots of arrays are always there: those that are all zero say nothing.
    if (isSlotted && !map.spec.dataSection && isZero(value)) continue;
    yield [valueWords(key), value];
  }
}

function* popped(map: MapOf): Generator<MapValue> {
  for (let value = map.pop(); value !== undefined; value = map.pop()) yield value;
}

function* numbered(values: Iterable<unknown>): Generator<[string, unknown]> {
  let i = 0;
  for (const value of values) yield [`${i++}`, value];
}

function rowsOf(entries: Iterable<[string, unknown]>, { kernelMap }: MapOf) {
  const shown: [string, unknown][] = [];
  let more = 0;
  for (const entry of entries) {
    if (shown.length < SHOWN) shown.push(entry);
    else more++;
  }
  const columns = columnsOf(
    shown.map(([, value]) => value),
    kernelMap.perCpu,
  );
  const rows: MapRow[] = shown.map(([key, value]) => ({ key, cells: cellsOf(value, columns) }));
  return { columns, entries: rows, more };
}

/** Members, where all values have the same; CPUs of per-CPU maps; else the value as a whole. */
function columnsOf(values: readonly unknown[], perCpu: boolean): string[] {
  const [first] = values;
  if (perCpu && Array.isArray(first)) return first.map((_, cpu) => `CPU ${cpu}`);
  if (!values.every(isPlainObject)) return ['value'];
  const names = Object.keys((first as object | undefined) ?? {}).filter((name) => name !== '');
  return names.length > 0 && names.length <= 6 ? names : ['value'];
}

function cellsOf(value: unknown, columns: readonly string[]): string[] {
  if (Array.isArray(value) && columns[0]?.startsWith('CPU ')) return value.map(valueWords);
  if (columns[0] === 'value' || !isPlainObject(value)) return [valueWords(value)];
  return columns.map((name) => valueWords(value[name]));
}

/** Records nobody has taken out yet, the oldest first. */
function recordRows(map: MapOf, btf: Btf | undefined) {
  const records = map.drain();
  const values = records.slice(0, SHOWN).map(({ data }) => decoded(btf, data));
  const rows = rowsOf(numbered(values), map);
  return { ...rows, more: records.length - values.length };
}

/** A ring buffer has no type: the struct of the object that is as long, if there is only one. */
function decoded(btf: Btf | undefined, data: Uint8Array): unknown {
  const fitting = (btf?.types ?? []).filter(
    (type) => type.kind === 'struct' && type.size === data.length && type.name !== '',
  );
  return btf && fitting.length === 1 ? decodeValue(btf, fitting[0]!.id, data) : hexWords(data);
}

function isZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === false;
}
