/** `--target linux`: bpftool's commands on the kernel this computer runs. */
import { KernelError } from '../../base/index.ts';
import { type LinuxKernel, openLinux } from '../../linux/index.ts';
import type { CommandCall } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit.ts';
import type { CliIo } from '../io.ts';
import { toJson } from '../values.ts';
import { btfNouns } from './btf.ts';
import { cgroupNouns } from './cgroup.ts';
import type { Noun } from './choice.ts';
import { iteratorNouns } from './iter.ts';
import { linkNouns } from './link.ts';
import { mapNouns } from './map.ts';
import { netNouns } from './net.ts';
import { programNouns } from './prog.ts';

/** By the words that call them: what `TARGET` is an option of. */
export const linuxNouns: Readonly<Record<string, Noun>> = {
  ...programNouns,
  ...mapNouns,
  ...linkNouns,
  ...btfNouns,
  ...iteratorNouns,
  ...netNouns,
  ...cgroupNouns,
};

/** Does a noun's command on this computer's kernel. An errno of the kernel ends it with 1. */
export async function runOnLinux(call: CommandCall, io: CliIo): Promise<number> {
  const noun = linuxNouns[call.command.path.join(' ')]!;
  if (call.text('machine') !== undefined)
    throw usageError('--machine and --target exclude each other');
  const { kernel } = await openLinux().catch(asMissing);
  const output = noun(kernel as LinuxKernel, [...call.operands], call, io);
  if (call.json) io.out(`${toJson(output.json ?? null, call.flag('pretty'))}\n`);
  else if (output.text) io.out(output.text);
  return EXIT.ok;
}

/** What this computer lacks: exit codes 5 (rights) and 4. */
function asMissing(error: unknown): never {
  if (!(error instanceof KernelError)) throw error;
  const code = error.code === 'EPERM' ? EXIT.privilege : EXIT.missing;
  throw new CliError(code, error.message, undefined, { cause: error });
}
