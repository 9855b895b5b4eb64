/** `beeyard ci merge`: the results of shards as one run. */
import { FormatError } from '../base/index.ts';
import { type CiRecord, DEFAULT_GATES, keyOf } from '../tools/ci/index.ts';
import { configFile, gatesOf } from './ci-options.ts';
import { readResults, type Results } from './ci-records.ts';
import { report } from './ci-report.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';

export function run(call: CommandCall, io: CliIo): Promise<number> {
  const parts = call.operands.map((path) => ({ path, ...readResults(path, io) }));
  checkComplete(parts);
  const config = configFile(call, io);
  const baseline = call.text('baseline') ?? config?.baseline;
  const gates = gatesOf(call, config?.gates ?? DEFAULT_GATES);
  return Promise.resolve(report(call, io, together(parts), { baseline, gates }));
}

type Part = Results & { readonly path: string };

/** A shard that is not there would make programs vanish without a word. */
function checkComplete(parts: readonly Part[]): void {
  const shards = parts.filter(({ shard }) => shard !== undefined);
  if (shards.length === 0) return;
  const count = shards[0]!.shard!.split('/')[1]!;
  const other = shards.find(({ shard }) => shard!.split('/')[1] !== count);
  if (other) {
    throw new FormatError(other.path, 0, `it is shard ${other.shard}, others are of ${count}`);
  }
  const there = new Set(shards.map(({ shard }) => shard));
  for (let i = 1; i <= Number(count); i++) {
    if (there.has(`${i}/${count}`)) continue;
    throw new FormatError('shards', 0, `shard ${i}/${count} is not there`);
  }
}

function together(parts: readonly Part[]): CiRecord[] {
  const from = new Map<string, string>();
  for (const { path, records } of parts) {
    for (const record of records) {
      const other = from.get(keyOf(record));
      if (other !== undefined) {
        const what = `${record.file} ${record.prog} on ${record.kernel}`;
        throw new FormatError(path, 0, `${what} is in ${other} too`);
      }
      from.set(keyOf(record), path);
    }
  }
  return parts.flatMap(({ records }) => records);
}
