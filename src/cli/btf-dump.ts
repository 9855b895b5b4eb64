import { FormatError } from '../base/index.ts';
import { type Btf, printC, printRaw, printTs } from '../btf/index.ts';
import { parseBtfFile } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

const PRINTERS: Readonly<Record<string, (btf: Btf) => string>> = {
  raw: printRaw,
  c: printC,
  ts: printTs,
};
const FORMATS = Object.keys(PRINTERS);

/** `beeyard btf dump file`: words as bpftool has them. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [path, word, given] = call.operands;
  const format = formatOf(word, given);
  const btf = readBtf(path!, io);
  if (call.json) {
    const types = btf.types.slice(btf.firstOwnId);
    io.out(`${toJson({ types }, call.flag('pretty'))}\n`);
  } else {
    io.out(PRINTERS[format]!(btf));
  }
  return EXIT.ok;
}

function formatOf(word: string | undefined, given: string | undefined): string {
  if (word === undefined) return 'raw';
  if (word !== 'format') {
    throw usageError(`after the file comes 'format raw', 'format c' or 'format ts', not '${word}'`);
  }
  if (given === undefined) throw usageError("'format' needs a value: raw, c or ts");
  if (!FORMATS.includes(given)) {
    throw usageError(`format is raw, c or ts, not '${given}'${didYouMean(given, FORMATS)}`);
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
