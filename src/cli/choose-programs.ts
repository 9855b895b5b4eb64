import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import { readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';

/** A program of an object that was named on the command line. */
export interface ChosenProgram {
  readonly file: string;
  readonly object: ObjectFile;
  readonly program: ProgramSpec;
}

/** The programs of the given files, or those named by --prog. */
export function choosePrograms(call: CommandCall, io: CliIo): ChosenProgram[] {
  const all = call.operands.flatMap((file) => {
    const object = readObject(file, io);
    return object.programs.map((program) => ({ file, object, program }));
  });
  const names = call.list('prog');
  const known = all.map(({ program }) => program.name);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw usageError(`there is no program '${name}'${didYouMean(name, known)}`);
  }
  return names.length > 0 ? all.filter(({ program }) => names.includes(program.name)) : all;
}
