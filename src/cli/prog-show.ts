import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import { isGplCompatible } from '../verifier/load/program-kinds.ts';
import { type CommandCall, needOperand } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { type NumberedProgram, numberedPrograms, takePrograms } from './prog-choice.ts';
import { formatTable, grouped, naturalWidth } from './table.ts';
import { toJson } from './values.ts';

const COLUMNS = [
  { head: 'name' },
  { head: 'type' },
  { head: 'section' },
  { head: 'insns', right: true },
  { head: 'subprograms', right: true },
  { head: 'maps' },
  { head: 'tag' },
];

/** Names of the maps a program uses, each once. */
function mapsOf(program: ProgramSpec): string[] {
  return [...new Set(program.relocations.flatMap((one) => ('map' in one ? [one.map] : [])))];
}

/** What bpftool writes of a program before anything else (print_prog_header_json). */
export function headerJson({ id, program, tag }: NumberedProgram, object: ObjectFile): object {
  return {
    id,
    type: program.type ?? null,
    name: program.name,
    tag,
    gpl_compatible: isGplCompatible(object.license),
  };
}

/** bpftool's keys first, then ours; ids are places in the object, from 1. */
function programJson(one: NumberedProgram, object: ObjectFile): object {
  const { program } = one;
  const maps = mapsOf(program);
  const ids = maps.map((name) => object.maps.findIndex((map) => map.name === name) + 1);
  return {
    ...headerJson(one, object),
    bytes_xlated: program.insns.length,
    ...(maps.length > 0 ? { map_ids: ids } : {}),
    section: program.section,
    attach_type: program.attachType,
    insns: program.insns.length / 8,
    subprograms: program.functions.slice(1).map(({ name }) => name),
    maps,
  };
}

/** `beeyard prog show`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  if (call.text('machine') !== undefined) return (await import('./machine-prog.ts')).show(call, io);
  const object = readObject(needOperand(call), io);
  const words = call.operands.slice(1);
  const { chosen, named } = takePrograms(await numberedPrograms(object), words, []);
  if (words.length > 0) throw usageError(`'prog show' does not know '${words[0]}'`);
  if (call.json) {
    const json = chosen.map((one) => programJson(one, object));
    io.out(`${toJson(named && json.length === 1 ? json[0] : json, call.flag('pretty'))}\n`);
    return EXIT.ok;
  }
  const rows = chosen.map(({ program, tag }) => [
    program.name,
    program.type ?? '?',
    program.section,
    grouped(program.insns.length / 8),
    String(program.functions.length - 1),
    mapsOf(program).join(' '),
    tag ?? '–',
  ]);
  // Half a tag says nothing: it is there where the terminal is wide enough.
  const fits = naturalWidth(COLUMNS, rows, 0) <= io.columns;
  const columns = fits ? COLUMNS : COLUMNS.slice(0, -1);
  if (rows.length > 0) io.out(formatTable(columns, rows, io.columns, styleFor(io.color).dim, 0));
  else io.err('the object has no programs\n');
  for (const note of object.notes) io.err(`note: ${note}\n`);
  return EXIT.ok;
}
