/** `beeyard ci compare`: two tables side by side. */
import {
  type CiBase,
  compareCsv,
  comparedCells,
  comparedColumns,
  compareRecords,
  isWorse,
  readVeristatCsv,
} from '../tools/ci/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { styleFor } from './io.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

/** veristat's table without -e has these; its CSV has all. */
const SHOWN: readonly string[] = ['verdict', 'insns', 'states'];
const HEADS: Readonly<Record<string, string>> = {
  verdict: 'Verdict',
  insns: 'Insns',
  states: 'States',
};

export function run(call: CommandCall, io: CliIo): Promise<number> {
  const [base, comp] = call.operands.map((path) => tableAt(path, io)) as [CiBase[], CiBase[]];
  const rows = compareRecords(base, comp);
  if (call.json) io.out(`${toJson(rows, call.flag('pretty'))}\n`);
  else if (call.flag('csv')) io.out(compareCsv(base, comp));
  else io.out(text(base, comp, io));
  return Promise.resolve(rows.some(isWorse) ? EXIT.finding : EXIT.ok);
}

const tableAt = (path: string, io: CliIo): CiBase[] =>
  readVeristatCsv(new TextDecoder().decode(readBytes(path, io)), path, '', '');

function text(base: readonly CiBase[], comp: readonly CiBase[], io: CliIo): string {
  const columns = comparedColumns(base, comp).filter(({ field }) => SHOWN.includes(field));
  const heads = columns.flatMap(({ field }) =>
    ['A', 'B', 'DIFF'].map((side) => ({
      head: `${HEADS[field]} (${side})`,
      right: field !== 'verdict',
    })),
  );
  const rows = compareRecords(base, comp).map((row) => [
    row.file,
    row.prog,
    ...columns.flatMap(({ field }) => comparedCells(row, field)),
  ]);
  const all = [{ head: 'File' }, { head: 'Program' }, ...heads];
  return formatTable(all, rows, io.columns, styleFor(io.color).dim);
}
