import { existsSync, renameSync } from 'node:fs';
import { resolve } from 'node:path';
import { KernelError } from '../base/index.ts';
import {
  bootMachine,
  bpfSyscall,
  type Machine,
  type MachineOptions,
  type Network,
  type Process,
  resumeMachine,
  saveMachine,
} from '../machine/index.ts';
import type { BpfSyscall, Kernel } from '../kernel/index.ts';
import { libbpfToken, ProcessKernel } from '../machine/bpf/kernel.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readBytes, writeBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';

/** A saved machine that a command works on, as a process of it. */
export interface Session {
  readonly machine: Machine;
  readonly network: Network;
  readonly process: Process;
  readonly bpf: BpfSyscall;
  /** The kernel as that process may use it. */
  readonly kernel: Kernel;
}

/** What a command does to the machine. */
export interface Work {
  /** It changes it: the file is written anew, and made if there is none. */
  readonly changes: boolean;
  /** It asks for rights itself; otherwise it is for CAP_SYS_ADMIN, as objects by id are. */
  readonly asksItself?: boolean;
  /** Data for -j; text otherwise. */
  run(session: Session): Promise<Output> | Output;
}

export interface Output {
  /** Undefined: nothing (null in JSON, as bpftool has it). */
  readonly json?: unknown;
  readonly text?: string;
}

/** Does the work on the machine of --machine. An errno of the kernel ends the command with 1. */
export async function onMachine(call: CommandCall, io: CliIo, work: Work): Promise<number> {
  const path = call.text('machine');
  if (path === undefined) throw usageError(`'${call.command.path.join(' ')}' needs --machine FILE`);
  const { machine, network } = await openMachine(path, io, work.changes);
  let process: Process | undefined;
  let output: Output;
  try {
    process = machine.process(io.identity);
    if (!work.asksItself) process.need('CAP_SYS_ADMIN');
    const bpf = bpfSyscall(process);
    const kernel = io.identity ? kernelOf(process, io) : machine;
    output = await work.run({ machine, network, process, bpf, kernel });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (call.json) io.out(`${toJson({ error: error.message }, call.flag('pretty'))}\n`);
    io.err(`Error: ${error.message}\n`);
    return EXIT.finding;
  } finally {
    process?.exit();
  }
  if (work.changes) await writeMachine(path, machine, io);
  if (call.json) io.out(`${toJson(output.json ?? null, call.flag('pretty'))}\n`);
  else if (output.text) io.out(output.text);
  return EXIT.ok;
}

/** With a token as libbpf makes it. */
function kernelOf(process: Process, { identity, env }: CliIo): Kernel {
  const path = identity?.token ?? env['LIBBPF_BPF_TOKEN_PATH'];
  return new ProcessKernel(process, libbpfToken(process, path));
}

async function openMachine(path: string, io: CliIo, mayBeNew: boolean) {
  if (mayBeNew && !existsSync(resolve(io.cwd, path))) return bootMachine();
  return resumeMachine(readBytes(path, io));
}

/** Beside its place first, so that a machine is never half a file. */
async function writeMachine(path: string, machine: Machine, io: CliIo): Promise<void> {
  const bytes = await saveMachine(machine);
  writeBytes(`${path}.new`, bytes, io);
  renameSync(resolve(io.cwd, `${path}.new`), resolve(io.cwd, path));
}

/** A new machine in a file. */
export async function newMachine(path: string, options: MachineOptions, io: CliIo): Promise<void> {
  const { machine } = await bootMachine(options);
  await writeMachine(path, machine, io);
}
