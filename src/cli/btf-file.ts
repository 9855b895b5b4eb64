import { FormatError } from '../base/index.ts';
import { type Btf, BTF_MAGIC } from '../btf/index.ts';
import { parseBtfFile } from '../object/index.ts';
import { CliError, EXIT } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** The types in a file; `base` is the path of the BTF that a split one continues. */
export function readBtf(path: string, io: CliIo, base?: string): Btf {
  const under = base === undefined ? undefined : readBtf(base, io);
  const bytes = readBytes(path, io);
  // Without its base a split BTF is full of ids and names that do not exist.
  const raw = bytes[0] === (BTF_MAGIC & 0xff) && bytes[1] === BTF_MAGIC >> 8;
  const hint =
    raw && !under ? 'BTF of a kernel module needs that of its kernel: -B FILE' : undefined;
  return asInput(path, () => parseBtfFile(bytes, under), hint);
}

/** What is wrong with a file's bytes, said with its name. */
export function asInput<T>(path: string, read: () => T, hint?: string): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, hint, { cause: error });
  }
}
