/** Maps of a running kernel. */
import { mapTypeName, mapTypes, succeed } from '../../abi/index.ts';
import { Info, type LinuxKernel, LinuxMap, specOf, typesOf } from '../../linux/index.ts';
import type { Output } from '../machine-file.ts';
import {
  entriesOutput,
  entryJson,
  entryText,
  mapAttr,
  type MapEntries,
  mapText,
  nextKeyOutput,
  type ShownMap,
  takeBytes,
  takeUpdateFlags,
  valueOutput,
} from '../map-words.ts';
import { usageError } from '../exit.ts';
import { descriptorFacts, noMore, type Noun, pin, show, takeOne } from './choice.ts';

function mapJson({ system }: LinuxKernel, fd: number): ShownMap {
  const info = new Info(system, fd, 'map');
  const facts = descriptorFacts(fd);
  return {
    id: info.number('id'),
    type: mapTypeName(info.number('type')),
    ...(info.text('name') !== '' && { name: info.text('name') }),
    flags: info.number('map_flags'),
    bytes_key: info.number('key_size'),
    bytes_value: info.number('value_size'),
    max_entries: info.number('max_entries'),
    ...(facts.has('memlock') && { bytes_memlock: Number(facts.get('memlock')) }),
    frozen: facts.get('frozen') === '1' ? 1 : 0,
    ...(info.number('btf_id') !== 0 && { btf_id: info.number('btf_id') }),
  };
}

/** A command on one map: `MAP …`. */
function onMap(work: (map: LinuxMap, words: string[], kernel: LinuxKernel) => Output): Noun {
  return (kernel, words) => {
    const fd = takeOne(kernel, 'map', words);
    const output = work(new LinuxMap(kernel.system, fd, specOf(kernel.system, fd)), words, kernel);
    noMore(words);
    return output;
  };
}

function shown({ system, fd, spec, perCpu }: LinuxMap): MapEntries {
  const btf = typesOf(system, new Info(system, fd, 'map').number('btf_id'));
  return { spec, perCpu, btf: btf && { btf } };
}

const keyOf = ({ spec }: LinuxMap, words: string[]): Uint8Array =>
  takeBytes(words, 'key', spec.keySize);

function dump(map: LinuxMap): Output {
  const entries: [Uint8Array, Uint8Array][] = [];
  const next = new Uint8Array(map.spec.keySize);
  for (let key: Uint8Array | undefined; map.nextKey(key, next) === 0; ) {
    key = next.slice();
    const value = new Uint8Array(map.userValueSize);
    if (map.lookup(key, value) === 0) entries.push([key, value]);
  }
  return entriesOutput(shown(map), entries);
}

function lookup(map: LinuxMap, words: string[]): Output {
  const key = keyOf(map, words);
  const value = new Uint8Array(map.userValueSize);
  succeed(map.lookup(key, value), 'the key was not found');
  const entries = shown(map);
  return { json: entryJson(entries, key, value), text: entryText(entries, key, value) };
}

/** `map update MAP key DATA value DATA|MAP|PROG [any|exist|noexist]` */
function update(map: LinuxMap, words: string[], kernel: LinuxKernel): Output {
  const key = keyOf(map, words);
  const value = takeValue(map, words, kernel);
  succeed(map.update(key, value, takeUpdateFlags(words)), 'the map was not updated');
  return {};
}

/** Bytes, for every CPU the same; a file descriptor where the values are maps or programs. */
function takeValue(map: LinuxMap, words: string[], kernel: LinuxKernel): Uint8Array {
  const valueIs = mapTypes.find(({ id }) => id === map.spec.typeId)?.valueIs;
  if (valueIs === 'map' || valueIs === 'program') {
    if (words.shift() !== 'value') throw usageError("'value' is missing");
    const fd = takeOne(kernel, valueIs === 'map' ? 'map' : 'prog', words);
    return new Uint8Array(Int32Array.of(fd).buffer);
  }
  const value = takeBytes(words, 'value', map.spec.valueSize);
  const all = new Uint8Array(map.userValueSize);
  const step = map.perCpu ? all.length / map.system.cpus : Math.max(1, all.length);
  for (let at = 0; at < all.length; at += step) all.set(value, at);
  return all;
}

function getnext(map: LinuxMap, words: string[]): Output {
  const key = words.length > 0 ? keyOf(map, words) : undefined;
  const next = new Uint8Array(map.spec.keySize);
  succeed(map.nextKey(key, next), 'there is no next key');
  return nextKeyOutput(key, next);
}

/** Stacks and queues have no keys. */
const NO_KEY = new Uint8Array(0);

function push(map: LinuxMap, words: string[]): Output {
  const value = takeBytes(words, 'value', map.spec.valueSize);
  succeed(map.update(NO_KEY, value), 'the value was not put in');
  return {};
}

function pop(map: LinuxMap): Output {
  const value = new Uint8Array(map.userValueSize);
  succeed(map.lookupAndDelete(NO_KEY, value), 'no value was taken out');
  return valueOutput(map, value);
}

function peek(map: LinuxMap): Output {
  const value = new Uint8Array(map.userValueSize);
  succeed(map.lookup(NO_KEY, value), 'there is no value');
  return valueOutput(map, value);
}

/** `map create PATH type T key N value N entries N name NAME [flags N] [inner_map MAP]` */
function create(kernel: LinuxKernel, words: string[]): Output {
  const path = words.shift() ?? '';
  const attr = mapAttr(words, () => takeOne(kernel, 'map', words));
  const fd = succeed(kernel.system.bpf.mapCreate(attr), `map '${attr.mapName}' was not created`);
  kernel.pin(path, { fd });
  return {};
}

export const mapNouns: Readonly<Record<string, Noun>> = {
  'map show': show('map', mapJson, mapText),
  'map dump': onMap(dump),
  'map lookup': onMap(lookup),
  'map update': onMap(update),
  'map delete': onMap((map, words) => {
    succeed(map.delete(keyOf(map, words)), 'the key was not deleted');
    return {};
  }),
  'map getnext': onMap(getnext),
  'map pin': pin('map'),
  'map push': onMap(push),
  'map enqueue': onMap(push),
  'map pop': onMap(pop),
  'map dequeue': onMap(pop),
  'map peek': onMap(peek),
  'map freeze': onMap((map) => {
    succeed(map.freeze(), 'the map was not frozen');
    return {};
  }),
  'map create': create,
};
