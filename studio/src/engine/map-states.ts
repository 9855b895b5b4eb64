/** What is in the maps of an object, as text. */
import {
  decodeReadable,
  type LoadedObject,
  type MapOf,
  type ObjectFile,
  prefixText,
  recordType,
} from 'beeyard';
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
  return Object.values(maps).map((map) => mapState(map as MapOf, object));
}

function mapState(map: MapOf, object: ObjectFile): MapState {
  const type = map.spec.type ?? 'unknown';
  const state = { name: map.name, type };
  if (CLOSED.test(type)) {
    const closed = `entries of a ${type} cannot be listed`;
    return { ...state, columns: [], entries: [], more: 0, closed };
  }
  if (RECORDS.test(type)) return { ...state, ...recordRows(map, object) };
  if (QUEUES.test(type)) return { ...state, ...rowsOf(numbered(popped(map)), map) };
  return { ...state, ...rowsOf(listed(map, type), map) };
}

function* listed(map: MapOf, type: string): Generator<[string, unknown]> {
  const { kernelMap, spec, btf } = map;
  const bytes = new Uint8Array(kernelMap.userValueSize);
  let scanned = 0;
  const isSlotted = type.includes('array') && !OBJECTS.test(type) && !spec.dataSection;
  for (const key of map.rawKeys()) {
    if (scanned++ >= SCANNED) return;
    if (kernelMap.lookup(key, bytes) !== 0) continue;
    // Slots of arrays are always there: those that are all zero say nothing.
    if (isSlotted && bytes.every((byte) => byte === 0)) continue;
    const shown = type === 'lpm_trie' ? prefixText(key) : decodeReadable(btf, spec.keyTypeId, key);
    yield [keyWords(shown), valueOf(map, bytes)];
  }
}

/** Of a per-CPU map the values of all CPUs. */
function valueOf({ kernelMap, spec, btf }: MapOf, bytes: Uint8Array): unknown {
  const { valueTypeId, valueSize } = spec;
  if (!kernelMap.perCpu) return decodeReadable(btf, valueTypeId, bytes);
  const step = Math.ceil(valueSize / 8) * 8;
  return Array.from({ length: bytes.length / step }, (_, cpu) =>
    decodeReadable(btf, valueTypeId, bytes.slice(cpu * step, cpu * step + valueSize)),
  );
}

/** A struct of one member is that member. */
function keyWords(key: unknown): string {
  const members = isPlainObject(key) ? Object.values(key) : [];
  return valueWords(members.length === 1 ? members[0] : key);
}

/** What is in a queue or stack, taken out. */
function* popped(map: MapOf): Generator<unknown> {
  const bytes = new Uint8Array(map.kernelMap.userValueSize);
  while (map.kernelMap.lookupAndDelete(new Uint8Array(0), bytes) === 0) yield valueOf(map, bytes);
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
function recordRows(map: MapOf, object: ObjectFile) {
  const records = map.drain();
  const values = records.slice(0, SHOWN).map(({ data }) => decoded(object, map.name, data));
  const rows = rowsOf(numbered(values), map);
  return { ...rows, more: records.length - values.length };
}

function decoded(object: ObjectFile, map: string, data: Uint8Array): unknown {
  const type = recordType(object, map, data.length);
  return type === undefined ? hexWords(data) : decodeReadable(object.btf, type, data);
}
