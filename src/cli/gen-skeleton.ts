import { basename } from 'node:path';
import { FormatError } from '../base/index.ts';
import { type ObjectFile, parseObject } from '../object/index.ts';
import { printSkeleton, printSubskeleton, skeletonName } from '../object/skeleton/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';

type Print = (object: ObjectFile, bytes: Uint8Array, name: string) => string;

/** `beeyard gen skeleton`. */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  return generate(call, io, printSkeleton);
}

/** `beeyard gen subskeleton`. */
export function runSub(call: CommandCall, io: CliIo): Promise<number> {
  return generate(call, io, (object, _, name) => printSubskeleton(object, name));
}

async function generate(call: CommandCall, io: CliIo, print: Print): Promise<number> {
  const [path, ...words] = call.operands;
  const name = nameOf(words) ?? skeletonName(basename(path!));
  const bytes = readBytes(path!, io);
  try {
    io.out(print(parseObject(bytes), bytes, name));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
  return EXIT.ok;
}

/** bpftool's words: 'name NAME'. */
function nameOf([word, name]: readonly string[]): string | undefined {
  if (word === undefined) return undefined;
  if (word !== 'name') throw usageError(`after the object comes 'name NAME', not '${word}'`);
  if (name === undefined) throw usageError("'name' needs a value");
  if (!/^[A-Za-z_]\w*$/.test(name)) throw usageError(`'${name}' can not be the name of a struct`);
  return name;
}
