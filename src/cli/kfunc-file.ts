/** Kernel functions of one's own from a module of JavaScript. */
import { kfunc, kfuncSpelling, type OwnKfunc } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { importModule } from './files.ts';
import type { CliIo } from './io.ts';

/** What of the definitions Linux 6.12 cannot be told, in words. */
export const problemsOf = (kfuncs: readonly OwnKfunc[]): string[] =>
  kfuncs.flatMap((own) => kfuncSpelling(own).notPortable.map((words) => `${own.name}: ${words}`));

/** Everything a module exports that `kfunc()` made. */
export async function kfuncsOf(file: string, io: CliIo): Promise<OwnKfunc[]> {
  const exports = await importModule(file, io);
  const found = Object.values(exports).flat().filter(isKfunc);
  if (found.length === 0) throw usageError(`${file} exports nothing that kfunc() made`);
  return found.map((own) => checked(own, file));
}

/** What was not made by kfunc() is looked at as if it was. */
function checked(own: OwnKfunc, file: string): OwnKfunc {
  try {
    return { ...kfunc(own.name, { args: own.args, ...(own.ret && { ret: own.ret }) }), ...own };
  } catch (error) {
    if (error instanceof KernelError) throw new CliError(EXIT.finding, `${file}: ${error.message}`);
    throw error;
  }
}

function isKfunc(value: unknown): value is OwnKfunc {
  if (typeof value !== 'object' || value === null) return false;
  return 'name' in value && 'args' in value && Array.isArray(value.args);
}
