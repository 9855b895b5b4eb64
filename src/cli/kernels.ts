import {
  KERNEL_VERSIONS,
  loadTargetKernel,
  type TargetKernel,
  targetKernelOf,
} from '../abi/index.ts';
import { FormatError } from '../base/index.ts';
import { parseBtfFile } from '../object/index.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** A kernel the user named, and as what. */
export interface NamedKernel {
  readonly name: string;
  readonly kernel: TargetKernel;
}

/**
 * The kernel of a word: a version whose types come with the package, or a file with types (raw BTF
 * or an ELF file such as vmlinux). Throws CliError for anything else.
 */
export async function kernelNamed(word: string, io: CliIo): Promise<NamedKernel> {
  const version = KERNEL_VERSIONS.find((each) => each === word);
  if (version) return { name: version, kernel: await loadTargetKernel(version) };
  if (/^\d+(\.\d+)*$/.test(word)) {
    const known = KERNEL_VERSIONS.join(' and ');
    throw usageError(`the types of Linux ${known} are here, not of '${word}': give a BTF file`);
  }
  const bytes = readBytes(word, io);
  try {
    return { name: word, kernel: targetKernelOf(parseBtfFile(bytes), word) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${word}: ${error.message}`, undefined, { cause: error });
  }
}
