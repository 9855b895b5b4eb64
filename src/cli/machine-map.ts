import { mapTypeId, programTypeName } from '../abi/index.ts';
import { type Btf, type BtfValue, decodeValue } from '../btf/index.ts';
import type { Machine, MachineMap } from '../machine/index.ts';
import { openMap, READ_WRITE } from '../machine/bpf/files.ts';
import { pinObject } from '../machine/bpffs/pins.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { pinsOf, takeObject } from './machine-choice.ts';
import { onMachine, type Output, type Session, succeed } from './machine-file.ts';
import { showObjects } from './machine-show.ts';

/** `map show --machine` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return showObjects(call, io, 'map', mapJson, textOf);
}

/** bpftool's keys and order (show_map_close_json). */
function mapJson(machine: Machine, map: MachineMap) {
  const { spec, owner } = map;
  const pinned = pinsOf(machine, map);
  return {
    id: map.id,
    type: spec.type ?? spec.typeId,
    ...(spec.name !== '' && { name: spec.name.slice(0, 15) }),
    flags: map.flags,
    bytes_key: spec.keySize,
    bytes_value: spec.valueSize,
    max_entries: spec.maxEntries,
    ...(owner && { owner_prog_type: programTypeName(owner.type), owner_jited: false }),
    frozen: map.frozen ? 1 : 0,
    ...(map.btf && { btf_id: map.btf.id }),
    ...(pinned.length > 0 && { pinned }),
  };
}

function textOf(one: ReturnType<typeof mapJson>): string {
  const name = one.name === undefined ? '' : `  name ${one.name}`;
  const frozen = one.frozen === 1 ? '  frozen' : '';
  const lines = [
    `${one.id}: ${one.type}${name}  flags 0x${one.flags.toString(16)}`,
    `\tkey ${one.bytes_key}B  value ${one.bytes_value}B  max_entries ${one.max_entries}${frozen}`,
    ...(one.btf_id === undefined ? [] : [`\tbtf_id ${one.btf_id}`]),
    ...(one.pinned ?? []).map((path) => `\tpinned ${path}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A command on one map: `MAP …`. */
function onMap(
  changes: boolean,
  work: (session: Session & { map: MachineMap; mapFd: number }, words: string[]) => Output,
) {
  return (call: CommandCall, io: CliIo): Promise<number> =>
    onMachine(call, io, {
      changes,
      run(session) {
        const words = [...call.operands];
        const map = takeObject(session.machine, 'map', words);
        const mapFd = openMap(session.process, map, READ_WRITE);
        const output = work({ ...session, map, mapFd }, words);
        if (words.length > 0) throw usageError(`'${words[0]}' is one word too many`);
        return output;
      },
    });
}

/** `map dump --machine` */
export const dump = onMap(false, ({ bpf, map, mapFd }) => {
  const entries: [Uint8Array, Uint8Array | string][] = [];
  let key: Uint8Array | undefined;
  const nextKey = new Uint8Array(map.spec.keySize);
  while (bpf.mapGetNextKey({ mapFd, key, nextKey }) === 0) {
    key = nextKey.slice();
    const value = new Uint8Array(map.userValueSize);
    const result = bpf.mapLookupElem({ mapFd, key, value });
    if (result === 0) entries.push([key, value]);
  }
  const shown = entries as [Uint8Array, Uint8Array][];
  const text = shown.map(([one, value]) => entryText(map, one, value)).join('');
  return {
    json: shown.map(([one, value]) => entryJson(map, one, value)),
    text: `${text}Found ${shown.length} element${shown.length === 1 ? '' : 's'}\n`,
  };
});

/** `map lookup MAP key DATA` */
export const lookup = onMap(false, ({ bpf, map, mapFd }, words) => {
  const key = takeBytes(words, 'key', map.spec.keySize);
  const value = new Uint8Array(map.userValueSize);
  succeed(bpf.mapLookupElem({ mapFd, key, value }), 'the key was not found');
  return { json: entryJson(map, key, value), text: entryText(map, key, value) };
});

const FLAGS: Readonly<Record<string, number>> = { any: 0, noexist: 1, exist: 2 };

/** `map update MAP key DATA value DATA|MAP|PROG [any|exist|noexist]` */
export const update = onMap(true, ({ bpf, map, mapFd, machine, process }, words) => {
  const key = takeBytes(words, 'key', map.spec.keySize);
  const { valueIs } = map.facts;
  let value: Uint8Array;
  if (valueIs === 'map' || valueIs === 'program') {
    if (words.shift() !== 'value') throw usageError("'value' is missing");
    const kind = valueIs === 'map' ? 'map' : 'prog';
    const object = takeObject(machine, kind, words);
    const release = (): void => object.drop();
    const fd = process.open({
      kind,
      object: object.hold() as never,
      read: true,
      write: true,
      release,
    });
    value = Uint8Array.of(fd & 255, fd >> 8, 0, 0);
  } else value = perCpu(map, takeBytes(words, 'value', map.spec.valueSize), machine.cpus);
  const word = words.shift() ?? 'any';
  const flags = FLAGS[word];
  if (flags === undefined)
    throw usageError(`'${word}' is none of: ${Object.keys(FLAGS).join(', ')}`);
  succeed(bpf.mapUpdateElem({ mapFd, key, value, flags }), 'the map was not updated');
  return {};
});

/** The same value for every CPU. */
function perCpu(map: MachineMap, value: Uint8Array, cpus: number): Uint8Array {
  if (!map.perCpu) return value;
  const all = new Uint8Array(map.userValueSize);
  for (let cpu = 0; cpu < cpus; cpu++) all.set(value, (cpu * all.length) / cpus);
  return all;
}

/** `map delete MAP key DATA` */
export const remove = onMap(true, ({ bpf, map, mapFd }, words) => {
  const key = takeBytes(words, 'key', map.spec.keySize);
  succeed(bpf.mapDeleteElem({ mapFd, key }), 'the key was not deleted');
  return {};
});

/** `map push MAP value DATA`, `map enqueue`: of stacks and queues, which have no keys. */
export const push = onMap(true, ({ bpf, map, mapFd }, words) => {
  const value = takeBytes(words, 'value', map.spec.valueSize);
  succeed(bpf.mapUpdateElem({ mapFd, value, flags: 0 }), 'the map takes no more');
  return {};
});

/** `map pop MAP`, `map dequeue`. */
export const pop = onMap(true, ({ bpf, map, mapFd }) => {
  const value = new Uint8Array(map.userValueSize);
  succeed(bpf.mapLookupAndDeleteElem({ mapFd, value }), 'the map is empty');
  return valueOutput(map, value);
});

/** `map peek MAP` */
export const peek = onMap(false, ({ bpf, map, mapFd }) => {
  const value = new Uint8Array(map.userValueSize);
  succeed(bpf.mapLookupElem({ mapFd, value }), 'the map is empty');
  return valueOutput(map, value);
});

function valueOutput({ spec }: MachineMap, value: Uint8Array): Output {
  const bytes = Array.from(value.subarray(0, spec.valueSize), (byte) =>
    byte.toString(16).padStart(2, '0'),
  );
  return { json: { value: bytes.map((byte) => `0x${byte}`) }, text: `value: ${bytes.join(' ')}\n` };
}

/** `map getnext MAP [key DATA]` */
export const getnext = onMap(false, ({ bpf, map, mapFd }, words) => {
  const key = words.length > 0 ? takeBytes(words, 'key', map.spec.keySize) : undefined;
  const nextKey = new Uint8Array(map.spec.keySize);
  succeed(bpf.mapGetNextKey({ mapFd, key, nextKey }), 'there is no next key');
  const text = `${key ? `key: ${hexText(key)}` : 'key: None'}\nnext key: ${hexText(nextKey)}\n`;
  return { json: { key: key ? hexes(key) : null, next_key: hexes(nextKey) }, text };
});

/** `map pin MAP PATH` */
export const pin = onMap(true, ({ machine, map }, words) => {
  pinObject(machine.files, words.shift() ?? '', 'map', map);
  return {};
});

/** `map freeze MAP` */
export const freeze = onMap(true, ({ bpf, mapFd }) => {
  succeed(bpf.mapFreeze({ mapFd }), 'the map was not frozen');
  return {};
});

/** `map create PATH type T key N value N entries N name NAME [flags N] [inner_map MAP]` */
export function create(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine, process, bpf }) {
      const [path, ...words] = call.operands;
      const given = new Map<string, string>();
      let innerMapFd = 0;
      while (words.length > 0) {
        const word = words.shift()!;
        if (word === 'inner_map') {
          innerMapFd = openMap(process, takeObject(machine, 'map', words), READ_WRITE);
        } else given.set(word, words.shift() ?? '');
      }
      const number = (name: string): number => numberOf(given.get(name) ?? '0', name);
      const mapType = mapTypeId(given.get('type') ?? '');
      if (mapType === undefined)
        throw usageError(`there is no map type '${given.get('type') ?? ''}'`);
      const mapName = given.get('name') ?? '';
      const attr = {
        mapType,
        keySize: number('key'),
        valueSize: number('value'),
        maxEntries: number('entries'),
        mapFlags: number('flags'),
        innerMapFd,
        mapName,
      };
      const bpfFd = succeed(bpf.mapCreate(attr), `map '${mapName}' was not created`);
      succeed(bpf.objPin({ bpfFd, pathname: path! }), `map '${mapName}' was not pinned`);
      return {};
    },
  });
}

function numberOf(text: string, what: string): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= 0) return value;
  throw usageError(`${what} is a number, not '${text}'`);
}

/** What of a map its entries are shown by. */
interface ShownMap extends Pick<MachineMap, 'spec' | 'perCpu'> {
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

export function entryText(map: ShownMap, key: Uint8Array, value: Uint8Array): string {
  return `key: ${hexText(key)}  value: ${valuesOf(map, value).map(hexText).join(' | ')}\n`;
}

/** One value, or one for each CPU. */
function valuesOf({ perCpu: many, spec }: ShownMap, value: Uint8Array): Uint8Array[] {
  if (!many) return [value];
  const step = Math.ceil(spec.valueSize / 8) * 8;
  return Array.from({ length: value.length / step }, (_, i) =>
    value.subarray(i * step, i * step + spec.valueSize),
  );
}

/** bpftool's keys (print_entry_json). */
export function entryJson(map: ShownMap, key: Uint8Array, value: Uint8Array): unknown {
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
