import { hexBytes } from '../base/index.ts';
import { loadObject } from '../client/index.ts';
import { bootMachine, type MachineMap } from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { type Collisions, collidingKeys, type KeyRange } from '../runtime/index.ts';
import {
  DEFAULT_PROTOCOL,
  isPadding,
  type KeyField,
  keyFields,
  packetFor,
  packetRoles,
  parseRange,
} from '../tools/collide/index.ts';
import { writeCapture } from '../tools/pcap/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject, writeBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { mapHashOf, seedOf } from './map-hash.ts';
import { didYouMean } from './suggest.ts';
import { grouped } from './table.ts';
import { toJson } from './values.ts';

/** Keys shown if they go nowhere else. */
const MOST = 1_000_000;

/** `beeyard map collide`: finds keys that a hash map with a known seed puts into one bucket. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [path, name] = call.operands;
  const object = readObject(path!, io);
  const names = object.maps.map((one) => one.name);
  const spec = object.maps.find((one) => one.name === name);
  if (!spec) throw usageError(`the object has no map '${name}'${didYouMean(name!, names)}`);
  const out = call.text('out');
  const fields = fieldsOf(object, spec.keyTypeId, spec.keySize);
  const roles = out === undefined ? undefined : asUsageOf('--out', () => packetRoles(fields));
  const ranges = chosenRanges(call, fields, roles?.get('protocol'));
  const found = await search(call, object, name!, ranges);
  if (roles) {
    const packets = found.keys.map((key, i) => ({
      data: packetFor(key, roles),
      time: BigInt(i) * 1000n,
    }));
    writeBytes(out!, writeCapture(packets), io);
  }
  report(call, found, io);
  return found.keys.length < wanted(call) ? EXIT.finding : EXIT.ok;
}

const wanted = (call: CommandCall): number => call.count('count', 16, 1, MOST);

async function search(
  call: CommandCall,
  object: ObjectFile,
  name: string,
  ranges: readonly KeyRange[],
): Promise<Collisions & { readonly milliseconds: number }> {
  const settings = { seed: seedOf(call), mapHash: mapHashOf(call) };
  const { machine } = await bootMachine({ engine: 'interpreter', ...settings });
  const { maps } = loadObject(machine, { ...object, programs: [] });
  const map = (maps.get(name) as MachineMap).runtimeMap;
  const bucket =
    call.text('bucket') === undefined ? {} : { bucket: call.count('bucket', 0, 0, 2 ** 31) };
  const start = performance.now();
  const found = collidingKeys(machine.runtime, map, { ranges, count: wanted(call), ...bucket });
  return { ...found, milliseconds: performance.now() - start };
}

/** Without types a key is words, and bytes at its end. */
function fieldsOf(object: ObjectFile, typeId: number, size: number): KeyField[] {
  if (object.btf && typeId !== 0) return keyFields(object.btf, typeId);
  const words = Math.floor(size / 4);
  const word = (i: number) => ({ name: `word${i}`, offset: 4 * i, size: 4, bigEndian: false });
  const byte = (i: number) => ({ name: `byte${i}`, offset: i, size: 1, bigEndian: false });
  return [
    ...Array.from({ length: words }, (_, i) => word(i)),
    ...Array.from({ length: size % 4 }, (_, i) => byte(4 * words + i)),
  ];
}

function chosenRanges(
  call: CommandCall,
  fields: readonly KeyField[],
  protocol: KeyField | undefined,
): KeyRange[] {
  const given = new Map<string, string>();
  const names = fields.map((field) => field.name);
  for (const text of call.list('field')) {
    const [name, range] = text.split('=', 2) as [string, string | undefined];
    if (range === undefined) throw usageError(`--field takes NAME=RANGE, not '${text}'`);
    if (!names.includes(name))
      throw usageError(`the key has no field '${name}'${didYouMean(name, names)}`);
    given.set(name, range);
  }
  return fields.map((field) => {
    const text = given.get(field.name);
    if (text !== undefined) return asUsageOf('--field', () => parseRange(field, text));
    if (field === protocol) return { ...field, from: DEFAULT_PROTOCOL, to: DEFAULT_PROTOCOL };
    if (isPadding(field)) return { ...field, from: 0n, to: 0n };
    return { ...field, from: 0n, to: (1n << BigInt(8 * field.size)) - 1n };
  });
}

/** What was asked for cannot be had. */
function asUsageOf<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw usageError(`${what}: ${error.message}`);
  }
}

function report(
  call: CommandCall,
  found: Collisions & { readonly milliseconds: number },
  io: CliIo,
): void {
  const { bucket, buckets, tried } = found;
  const keys = found.keys.map((key) => hexBytes(key));
  if (call.json) {
    io.out(`${toJson({ bucket, buckets, tried, keys }, call.flag('pretty'))}\n`);
    return;
  }
  if (call.text('out') === undefined) io.out(keys.map((key) => `${key}\n`).join(''));
  const seconds = (found.milliseconds / 1000).toFixed(1);
  const text =
    `${grouped(keys.length)} keys in bucket ${bucket} of ${grouped(buckets)}; ` +
    `${grouped(tried)} keys tried in ${seconds} s\n`;
  if (call.text('out') === undefined) io.err(text);
  else io.out(`${call.text('out')}: ${text}`);
}
