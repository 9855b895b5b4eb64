/** `beeyard ci merge`: the results of shards as one run. */
import { DEFAULT_GATES } from '../tools/ci/index.ts';
import { gatesOf } from './ci-options.ts';
import { readRecords } from './ci-records.ts';
import { report } from './ci-report.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';

export function run(call: CommandCall, io: CliIo): Promise<number> {
  const records = call.operands.flatMap((path) => readRecords(path, io));
  const gates = gatesOf(call, DEFAULT_GATES);
  return Promise.resolve(report(call, io, records, { baseline: call.text('baseline'), gates }));
}
