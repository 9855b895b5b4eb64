import { FormatError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import { parseBtfFile } from '../object/index.ts';
import { CliError, EXIT } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** The types in a file; `base` is the path of the BTF that a split one continues. */
export function readBtf(path: string, io: CliIo, base?: string): Btf {
  const under = base === undefined ? undefined : readBtf(base, io);
  return asInput(path, () => parseBtfFile(readBytes(path, io), under));
}

/** What is wrong with a file's bytes, said with its name. */
export function asInput<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
}
