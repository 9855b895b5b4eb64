/** One command of ours in a virtual machine: a folder is shared, output is passed on. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../import/index.ts';
import { type Accelerator, VM_DEFAULTS } from '../tools/vm/index.ts';
import { CliError, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { guestProgram } from './vm-guest.ts';
import { findKernel } from './vm-kernel.ts';
import { checkQemu, runMachine, type VmEnd } from './vm-process.ts';

export interface VmCommand {
  /** A bzImage, or a version of Debian's. */
  readonly kernel: string;
  /** Shared, and can be written: where the command starts. */
  readonly folder: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly accelerator: Accelerator | 'auto';
  /** Default 2. */
  readonly cpus?: number;
  /** Seconds. */
  readonly timeout: number;
}

/**
 * Does it, with what it writes on standard error. Throws CliError where something is missing, and
 * for a machine that did not come to the command's end.
 */
export async function runInMachine(command: VmCommand, io: CliIo): Promise<VmEnd> {
  checkQemu();
  const { folder, words, environment, accelerator, timeout } = command;
  const cache = cacheFolder(io.env) ?? join(tmpdir(), 'beeyard-vm-cache');
  const kernel = findKernel(command.kernel, io.cwd, cache);
  const { memory, extraArguments } = VM_DEFAULTS;
  const shares = [{ host: folder, guest: folder, writable: true }];
  const errors: string[] = [];
  const say = (chunk: Uint8Array): void => void errors.push(Buffer.from(chunk).toString());
  const end = await runMachine({
    settings: {
      accelerator,
      memory,
      shares,
      extraArguments,
      cpus: command.cpus ?? VM_DEFAULTS.cpus,
      kernel: kernel.path,
      kernelArguments: '',
      rootfs: '/',
    },
    job: { shares, folder, environment, words },
    guest: guestProgram(cache),
    modules: kernel.modules,
    timeout,
    interrupt: io.interrupt,
    output: say,
    errors: say,
  });
  if (end.kind === 'exit' && end.code === 0) return end;
  const said = errors.join('').trim().split('\n').slice(-8).join('\n');
  const how = end.kind === 'exit' ? `exit code ${end.code}` : end.kind;
  const why = end.kind === 'failed' ? `: ${end.words}` : '';
  throw new CliError(EXIT.finding, `Linux ${command.kernel} in QEMU: ${how}${why}\n${said}`);
}
