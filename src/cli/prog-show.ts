import type { ProgramSpec } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

const COLUMNS = [
  { head: 'name' },
  { head: 'type' },
  { head: 'section' },
  { head: 'insns', right: true },
  { head: 'subprograms', right: true },
  { head: 'maps' },
];

/** Names of the maps a program uses, each once. */
function mapsOf(program: ProgramSpec): string[] {
  return [...new Set(program.relocations.flatMap((one) => ('map' in one ? [one.map] : [])))];
}

/** `beeyard prog show`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  if (call.json) {
    const programs = object.programs.map((one) => ({
      name: one.name,
      type: one.type ?? null,
      section: one.section,
      attach_type: one.attachType,
      insns: one.insns.length / 8,
      subprograms: one.functions.slice(1).map(({ name }) => name),
      maps: mapsOf(one),
      gpl_compatible: /GPL/.test(object.license),
    }));
    io.out(`${toJson(programs, call.flag('pretty'))}\n`);
    return EXIT.ok;
  }
  const rows = object.programs.map((one) => [
    one.name,
    one.type ?? '?',
    one.section,
    grouped(one.insns.length / 8),
    String(one.functions.length - 1),
    mapsOf(one).join(' '),
  ]);
  if (rows.length > 0) io.out(formatTable(COLUMNS, rows, io.columns, styleFor(io.color).dim, 0));
  else io.err('the object has no programs\n');
  for (const note of object.notes) io.err(`note: ${note}\n`);
  return EXIT.ok;
}
