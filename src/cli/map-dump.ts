import { type InsnArrayOption, loadObject } from '../client/index.ts';
import { bootMachine } from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { parseGlobals } from './inputs.ts';
import { type CliIo, styleFor } from './io.ts';
import { readMap } from './map-contents.ts';
import { mapJson, mapText } from './map-report.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

/** `--insns MAP=PROG` or `MAP=PROG:N,N`. */
function parseInsns(
  given: readonly string[],
  { maps, programs }: ObjectFile,
): Record<string, InsnArrayOption> {
  return Object.fromEntries(
    given.map((text) => {
      const [, map, program, list] = /^([^=]+)=([^:]+)(?::(\d+(?:,\d+)*))?$/.exec(text) ?? [];
      if (map === undefined || program === undefined) {
        throw usageError(`--insns takes MAP=PROG or MAP=PROG:N,N, not '${text}'`);
      }
      const arrays = maps.filter(({ type }) => type === 'insn_array').map(({ name }) => name);
      const loadable = programs.map(({ name }) => name);
      known('instruction array', map, arrays);
      known('program', program, loadable);
      return [map, { program, ...(list && { insns: list.split(',').map(Number) }) }];
    }),
  );
}

function known(kind: string, name: string, names: readonly string[]): void {
  if (names.includes(name)) return;
  throw usageError(`the object has no ${kind} '${name}'${didYouMean(name, names)}`);
}

/** `beeyard map dump`: creates the maps in a fresh machine and shows what they hold. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  if (call.text('machine') !== undefined) return (await import('./machine-map.ts')).dump(call, io);
  const [path, name] = call.operands;
  const object = readObject(path!, io);
  const names = object.maps.map((one) => one.name);
  if (name !== undefined && !names.includes(name)) {
    throw usageError(`the object has no map '${name}'${didYouMean(name, names)}`);
  }
  const { machine } = await bootMachine({ engine: 'interpreter' });
  const globals = parseGlobals(call.list('global'), object);
  const insnArrays = parseInsns(call.list('insns'), object);
  const programs = object.programs.filter((one) =>
    Object.values(insnArrays).some(({ program }) => program === one.name),
  );
  const options = { globals, insnArrays, programs: programs.map((one) => one.name) };
  const { maps } = loadObject(machine, { ...object, programs }, options);
  const wanted = [...maps.values()].filter((map) => name === undefined || map.spec.name === name);
  const dumps = wanted
    .map((map) => readMap(map, object.btf, machine.cpus))
    .filter((dump) => dump !== undefined);
  if (call.json) {
    io.out(`${toJson(dumps.map(mapJson), call.flag('pretty'))}\n`);
    return EXIT.ok;
  }
  const style = styleFor(io.color);
  io.out(dumps.map((dump) => mapText(dump, Infinity, io.columns, style)).join('\n'));
  return EXIT.ok;
}
