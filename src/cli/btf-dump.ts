import { type Btf, printC, printRaw, printTs, rawTypes } from '../btf/index.ts';
import type { MapSpec } from '../object/index.ts';
import { readBtf } from './btf-file.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { closest, didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

const FORMATS = ['raw', 'c', 'ts'];
const WORDS = ['root_id', 'format', 'unsorted'];
const MAP_PARTS = ['key', 'value', 'kv', 'all'];

/** What stands behind the source. */
interface Wanted {
  readonly format: string;
  readonly unsorted: boolean;
  readonly roots: readonly number[];
}

/** `beeyard btf dump file`: words as bpftool has them. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [path, ...words] = call.operands;
  const wanted = parseWords(words);
  dump(call, io, readBtf(path!, io, call.text('base-btf')), wanted);
  return EXIT.ok;
}

/** `beeyard btf dump map`: types of a map's key and value. */
export async function runMap(call: CommandCall, io: CliIo): Promise<number> {
  const [path, name, ...words] = call.operands;
  const object = readObject(path!, io);
  const map = object.maps.find((each) => each.name === name);
  if (!map) {
    const near = closest(
      name!,
      object.maps.map((each) => each.name),
    );
    throw usageError(`${path} has no map '${name}'${near ? `; did you mean '${near}'?` : ''}`);
  }
  const part = MAP_PARTS.includes(words[0] ?? '') ? words.shift()! : 'kv';
  const wanted = parseWords(words);
  if (wanted.roots.length > 0) throw usageError('a map has its own roots: no root_id here');
  if (!object.btf) throw usageError(`${path} has no .BTF section`);
  dump(call, io, object.btf, { ...wanted, roots: rootsOf(map, part) });
  return EXIT.ok;
}

function rootsOf(map: MapSpec, part: string): readonly number[] {
  if (part === 'all') return [];
  const ids = { key: [map.keyTypeId], value: [map.valueTypeId] }[part];
  const roots = (ids ?? [map.keyTypeId, map.valueTypeId]).filter((id) => id !== 0);
  if (roots.length > 0) return roots;
  throw usageError(`the object does not tell the types of map '${map.name}'`);
}

function dump(call: CommandCall, io: CliIo, btf: Btf, wanted: Wanted): void {
  const { format, unsorted, roots } = wanted;
  const missing = roots.find((id) => id >= btf.count);
  if (missing !== undefined) {
    throw usageError(`there is no type ${missing}; the last one is ${btf.count - 1}`);
  }
  const some = roots.length > 0 ? { roots } : {};
  if (format === 'c') {
    if (call.json) throw usageError("'format c' is C, not JSON: give one of both");
    io.out(printC(btf, { unsorted, ...some }));
  } else if (format === 'ts') {
    if (call.json) throw usageError("'format ts' is TypeScript, not JSON: give one of both");
    if (roots.length > 0) throw usageError('TypeScript types come all together: no root_id here');
    io.out(printTs(btf));
  } else if (call.json) {
    io.out(`${toJson({ types: rawTypes(btf, some.roots) }, call.flag('pretty'))}\n`);
  } else {
    io.out(printRaw(btf, some.roots));
  }
}

function parseWords(given: readonly string[]): Wanted {
  const words = [...given];
  const roots: number[] = [];
  let format = 'raw';
  let unsorted = false;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === 'format') format = formatOf(words.shift());
    else if (word === 'unsorted') unsorted = true;
    else if (word === 'root_id') roots.push(idOf(words.shift()));
    else throw usageError(`'${word}' is not known here${didYouMean(word, WORDS)}`);
  }
  return { format, unsorted, roots };
}

function idOf(given: string | undefined): number {
  if (given !== undefined && /^(\d+|0x[\da-f]+)$/i.test(given)) return Number(given);
  throw usageError(`'root_id' needs the number of a type, not '${given ?? ''}'`);
}

function formatOf(given: string | undefined): string {
  if (given === undefined) throw usageError("'format' needs a value: raw, c or ts");
  if (!FORMATS.includes(given)) {
    throw usageError(`format is raw, c or ts, not '${given}'${didYouMean(given, FORMATS)}`);
  }
  return given;
}
