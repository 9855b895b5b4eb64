/** Words of the commands about maps, and how maps and their entries are shown: bpftool's way. */
import { mapTypeId } from '../abi/index.ts';
import { type Btf, type BtfValue, decodeValue } from '../btf/index.ts';
import type { MapSpec } from '../object/index.ts';
import { usageError } from './exit.ts';
import type { Output } from './machine-file.ts';

/** A map by bpftool's keys, in its order (show_map_close_json). */
export interface ShownMap {
  readonly id: number;
  readonly type: string | number;
  readonly name?: string;
  readonly flags: number;
  readonly bytes_key: number;
  readonly bytes_value: number;
  readonly max_entries: number;
  /** Of a map of a kernel that tells. */
  readonly bytes_memlock?: number;
  readonly owner_prog_type?: string;
  readonly owner_jited?: boolean;
  readonly frozen: 0 | 1;
  readonly btf_id?: number;
  readonly pinned?: readonly string[];
}

export function mapText(one: ShownMap): string {
  const name = one.name === undefined ? '' : `  name ${one.name}`;
  const frozen = one.frozen === 1 ? '  frozen' : '';
  const memory = one.bytes_memlock === undefined ? '' : `  memlock ${one.bytes_memlock}B`;
  const sizes = `key ${one.bytes_key}B  value ${one.bytes_value}B`;
  const lines = [
    `${one.id}: ${one.type}${name}  flags 0x${one.flags.toString(16)}`,
    `\t${sizes}  max_entries ${one.max_entries}${memory}${frozen}`,
    ...(one.btf_id === undefined ? [] : [`\tbtf_id ${one.btf_id}`]),
    ...(one.pinned ?? []).map((path) => `\tpinned ${path}`),
  ];
  return `${lines.join('\n')}\n`;
}

const UPDATE_FLAGS: Readonly<Record<string, number>> = { any: 0, noexist: 1, exist: 2 };

/** `any`, `noexist` or `exist`, if one of them is next. */
export function takeUpdateFlags(words: string[]): number {
  const word = words.shift() ?? 'any';
  if (Object.hasOwn(UPDATE_FLAGS, word)) return UPDATE_FLAGS[word]!;
  throw usageError(`'${word}' is none of: ${Object.keys(UPDATE_FLAGS).join(', ')}`);
}

/**
 * BPF_MAP_CREATE of `type T key N value N entries N name NAME [flags N] [inner_map MAP]`, in any
 * order; `takeInner` takes MAP off the words and gives its file descriptor.
 */
export function mapAttr(words: string[], takeInner: () => number) {
  const given = new Map<string, string>();
  let innerMapFd = 0;
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === 'inner_map') innerMapFd = takeInner();
    else given.set(word, words.shift() ?? '');
  }
  const number = (name: string): number => numberOf(given.get(name) ?? '0', name);
  const mapType = mapTypeId(given.get('type') ?? '');
  if (mapType === undefined) throw usageError(`there is no map type '${given.get('type') ?? ''}'`);
  return {
    mapType,
    keySize: number('key'),
    valueSize: number('value'),
    maxEntries: number('entries'),
    mapFlags: number('flags'),
    innerMapFd,
    mapName: given.get('name') ?? '',
  };
}

function numberOf(text: string, what: string): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= 0) return value;
  throw usageError(`${what} is a number, not '${text}'`);
}

/** All entries, and how many they are. */
export function entriesOutput(
  map: MapEntries,
  entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[],
): Output {
  const text = entries.map(([key, value]) => entryText(map, key, value)).join('');
  return {
    json: entries.map(([key, value]) => entryJson(map, key, value)),
    text: `${text}Found ${entries.length} element${entries.length === 1 ? '' : 's'}\n`,
  };
}

/** A key and the one behind it; no key: before the first. */
export function nextKeyOutput(key: Uint8Array | undefined, next: Uint8Array): Output {
  const text = `${key ? `key: ${hexText(key)}` : 'key: None'}\nnext key: ${hexText(next)}\n`;
  return { json: { key: key ? hexes(key) : null, next_key: hexes(next) }, text };
}

/** A value without a key. */
export function valueOutput({ spec }: Pick<MapEntries, 'spec'>, value: Uint8Array): Output {
  const bytes = value.subarray(0, spec.valueSize);
  return { json: { value: hexes(bytes) }, text: `value: ${hexText(bytes)}\n` };
}

/** What of a map its entries are shown by. */
export interface MapEntries {
  readonly spec: MapSpec;
  readonly perCpu: boolean;
  readonly btf: { readonly btf: Btf } | undefined;
}

/** `key 1 0 0 0`, `key hex 0a 00 00 01`: as many bytes as there are. */
export function takeBytes(words: string[], what: string, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0);
  if (words.shift() !== what) throw usageError(`'${what}' is missing`);
  const hex = words[0] === 'hex';
  if (hex) words.shift();
  const taken = words.splice(0, size);
  if (taken.length < size) throw usageError(`the ${what} has ${size} bytes, not ${taken.length}`);
  return Uint8Array.from(taken, (word) => {
    const value = hex ? Number.parseInt(word, 16) : Number(word);
    if (Number.isInteger(value) && value >= 0 && value < 256) return value;
    throw usageError(`'${word}' is no byte`);
  });
}

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');
const hexes = (bytes: Uint8Array): string[] => Array.from(bytes, (byte) => `0x${hexOf(byte)}`);
const hexText = (bytes: Uint8Array): string => Array.from(bytes, hexOf).join(' ');

export function entryText(map: MapEntries, key: Uint8Array, value: Uint8Array): string {
  return `key: ${hexText(key)}  value: ${valuesOf(map, value).map(hexText).join(' | ')}\n`;
}

/** One value, or one for each CPU. */
function valuesOf({ perCpu: many, spec }: MapEntries, value: Uint8Array): Uint8Array[] {
  if (!many) return [value];
  const step = Math.ceil(spec.valueSize / 8) * 8;
  return Array.from({ length: value.length / step }, (_, i) =>
    value.subarray(i * step, i * step + spec.valueSize),
  );
}

/** bpftool's keys (print_entry_json). */
export function entryJson(map: MapEntries, key: Uint8Array, value: Uint8Array): unknown {
  const { btf, spec } = map;
  const values = valuesOf(map, value);
  const typed = (id: number, bytes: Uint8Array): BtfValue | string[] =>
    decoded(btf?.btf, id, bytes) ?? hexes(bytes);
  const formatted = btf && { key: typed(spec.keyTypeId, key) };
  if (!map.perCpu) {
    return {
      key: hexes(key),
      value: hexes(value),
      ...(formatted && { formatted: { ...formatted, value: typed(spec.valueTypeId, value) } }),
    };
  }
  const all = values.map((one, cpu) => ({ cpu, value: hexes(one) }));
  const shown = values.map((one, cpu) => ({ cpu, value: typed(spec.valueTypeId, one) }));
  return {
    key: hexes(key),
    values: all,
    ...(formatted && { formatted: { ...formatted, values: shown } }),
  };
}

function decoded(btf: Btf | undefined, id: number, bytes: Uint8Array): BtfValue | undefined {
  return btf && id !== 0 ? decodeValue(btf, id, bytes) : undefined;
}
