import { FormatError } from '../base/index.ts';
import { type Btf, printC, printRaw } from '../btf/index.ts';
import { parseBtfFile } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

const FORMATS = ['raw', 'c'];

/** `beeyard btf dump file`: words as bpftool has them. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [path, word, given] = call.operands;
  const format = formatOf(word, given);
  const btf = readBtf(path!, io);
  if (call.json) {
    const types = btf.types.slice(btf.firstOwnId);
    io.out(`${toJson({ types }, call.flag('pretty'))}\n`);
  } else {
    io.out(format === 'c' ? printC(btf) : printRaw(btf));
  }
  return EXIT.ok;
}

function formatOf(word: string | undefined, given: string | undefined): string {
  if (word === undefined) return 'raw';
  if (word !== 'format') {
    throw usageError(`after the file comes 'format raw' or 'format c', not '${word}'`);
  }
  if (given === undefined) throw usageError("'format' needs a value: raw or c");
  if (!FORMATS.includes(given)) {
    throw usageError(`format is raw or c, not '${given}'${didYouMean(given, FORMATS)}`);
  }
  return given;
}

function readBtf(path: string, io: CliIo): Btf {
  const bytes = readBytes(path, io);
  try {
    return parseBtfFile(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
}
