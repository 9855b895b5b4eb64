import { loadObject, MapOf } from '../client/index.ts';
import { bootMachine, type MachineMap } from '../machine/index.ts';
import { type HashStats, hashStats } from '../runtime/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readBytes, readObject } from './files.ts';
import { parseValue } from './inputs.ts';
import { type CliIo, styleFor } from './io.ts';
import { mapHashOf, seedOf } from './map-hash.ts';
import { didYouMean } from './suggest.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

const COLUMNS = ['keys in bucket', 'buckets', 'share', 'by chance'].map((head) => ({
  head,
  right: true,
}));

/** `beeyard map hashstats`: puts keys into a hash map and shows how they fall into buckets. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [path, name, keyFile] = call.operands;
  const object = readObject(path!, io);
  const names = object.maps.map((one) => one.name);
  if (!names.includes(name!)) {
    throw usageError(`the object has no map '${name}'${didYouMean(name!, names)}`);
  }
  const mapHash = mapHashOf(call);
  const { machine } = await bootMachine({ engine: 'interpreter', seed: seedOf(call), mapHash });
  const { maps } = loadObject(machine, { ...object, programs: [] });
  const map = maps.get(name!) as MachineMap;
  const typed = new MapOf(map, object.btf, machine.cpus);
  const refused = fill(typed, new TextDecoder().decode(readBytes(keyFile!, io)));
  const stats = hashStats(machine.runtime, map.runtimeMap);
  if (call.json) io.out(`${toJson({ name, ...stats, refused }, call.flag('pretty'))}\n`);
  else report(typed, stats, refused, io);
  return EXIT.ok;
}

/** One key a line; returns how many found no room. */
function fill(map: MapOf, text: string): number {
  const value = new Uint8Array(map.kernelMap.userValueSize);
  let refused = 0;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    try {
      map.set(parseValue(line) as never, value);
    } catch (error) {
      if ((error as { code?: string }).code !== 'E2BIG')
        throw usageError(`key '${line}': ${(error as Error).message}`);
      refused++;
    }
  }
  return refused;
}

function report(map: MapOf, stats: HashStats, refused: number, io: CliIo): void {
  const { buckets, keys, chains, compared, expected, longest, longestExpected } = stats;
  const rows = chains.map((count, length) => [
    String(length),
    grouped(count),
    percent(count / buckets),
    percent(poisson(keys / buckets, length)),
  ]);
  io.out(formatTable(COLUMNS, rows, io.columns, styleFor(io.color).dim, 0));
  io.out(
    `\n${map.name}: ${grouped(keys)} keys in ${grouped(buckets)} buckets, at most ${longest} ` +
      `in one; a lookup compares ${compared.toFixed(2)} keys (${expected.toFixed(2)} by chance)\n`,
  );
  if (longest > longestExpected)
    io.out(
      `More than ${longestExpected} in one is no chance: these keys collide with this seed.\n`,
    );
  else if (compared > 1.3)
    io.out(`max_entries ${grouped(stats.suggestedEntries)} would have two buckets for each key.\n`);
  if (refused > 0)
    io.out(`${grouped(refused)} keys found no room: max_entries is ${map.spec.maxEntries}\n`);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Share of buckets with `k` keys, when a bucket has `mean` on average. */
function poisson(mean: number, k: number): number {
  let share = Math.exp(-mean);
  for (let i = 1; i <= k; i++) share *= mean / i;
  return share;
}
