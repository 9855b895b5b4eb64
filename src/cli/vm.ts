/** `beeyard vm`: a command on another kernel, in a virtual machine that has the host's files. */
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { cacheFolder } from '../import/index.ts';
import {
  type Accelerator,
  checkMemory,
  parseVmConfig,
  type Share,
  VM_DEFAULTS,
  type VmConfig,
  VmConfigError,
  type VmTarget,
} from '../tools/vm/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';
import { guestProgram } from './vm-guest.ts';
import { findKernel } from './vm-kernel.ts';
import { checkQemu, runMachine, type VmEnd, type VmRun } from './vm-process.ts';
import { onTerminal, type TerminalLink } from './vm-terminal.ts';

/** Where the working directory is, as for vmtest; it is also where it is on the host. */
const WORKSPACE = '/mnt/vmtest';
const CONFIG = 'vmtest.toml';
const DAY = 86_400;
/** As timeout(1) ends. */
const TIMED_OUT = 124;
/** The machine came to an end and the command did not. */
const NO_END = 125;
/** One thing to do. */
interface Task {
  readonly name: string;
  readonly kernel: string;
  readonly kernelArguments: string;
  readonly rootfs: string;
  readonly words: readonly string[];
  readonly terminal: boolean;
  readonly vm: VmConfig;
  /** The folder that is shared, to which paths are relative. */
  readonly folder: string;
}

interface Result {
  readonly task: Task;
  readonly end: VmEnd;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const tasks = call.text('kernel') === undefined ? fromConfig(call, io) : [fromWords(call, io)];
  checkQemu();
  const results: Result[] = [];
  for (const task of tasks) {
    const result = await runTask(task, call, io);
    results.push(result);
    if (result.end.kind === 'interrupted') break;
  }
  if (call.json) io.out(`${toJson(results.map(jsonOf), call.flag('pretty'))}\n`);
  return exitCode(results);
}

function fromWords(call: CommandCall, io: CliIo): Task {
  for (const option of ['config', 'target']) {
    if (call.text(option) !== undefined) throw usageError(`--${option} and -k do not go together`);
  }
  const kernel = call.text('kernel')!;
  const shell = call.operands.length === 0 || call.operands.join() === '-';
  if (shell && (!process.stdin.isTTY || call.json)) {
    throw usageError('a shell needs a terminal', 'beeyard vm -k KERNEL -- COMMAND');
  }
  const rootfs = resolve(io.cwd, call.text('rootfs') ?? '/');
  return {
    name: kernel,
    kernel,
    kernelArguments: call.text('kargs') ?? '',
    rootfs,
    words: shell ? [io.env['SHELL'] ?? '/bin/sh', '-i'] : wordsOf(call.operands, rootfs),
    terminal: shell,
    vm: settingsOf(call, VM_DEFAULTS),
    folder: io.cwd,
  };
}

/** One word is for a shell, as vmtest has it; several are a program and its arguments. */
const wordsOf = (operands: readonly string[], rootfs: string): readonly string[] =>
  operands.length === 1 ? inShell(operands[0]!, rootfs) : operands;

/** bash, where there is one. */
function inShell(command: string, rootfs: string): readonly string[] {
  const shell = existsSync(join(rootfs, 'bin/bash')) ? '/bin/bash' : '/bin/sh';
  return [shell, '-c', command];
}

function fromConfig(call: CommandCall, io: CliIo): readonly Task[] {
  const path = resolve(io.cwd, call.text('config') ?? CONFIG);
  if (call.text('kargs') ?? call.text('rootfs'))
    throw usageError('--kargs and --rootfs go with -k');
  if (call.operands.length > 0) throw usageError('which kernel?', 'beeyard vm -k 6.12 -- COMMAND');
  if (!existsSync(path)) {
    throw new CliError(EXIT.input, `there is no ${path}`, 'beeyard vm -k 6.12 -- COMMAND');
  }
  const targets = chosen(readConfig(path), call.text('target'));
  return targets.map((target) => taskOf(target, call, dirname(path)));
}

function readConfig(path: string): readonly VmTarget[] {
  try {
    return parseVmConfig(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof VmConfigError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
}

function chosen(targets: readonly VmTarget[], name: string | undefined): readonly VmTarget[] {
  const found = targets.filter((one) => name === undefined || one.name === name);
  if (found.length > 0) return found;
  const names = targets.map((one) => one.name).join(', ');
  throw usageError(`there is no target '${name}' (there is: ${names})`);
}

function taskOf(target: VmTarget, call: CommandCall, folder: string): Task {
  const { name, kernel, kernelArguments } = target;
  const rootfs = resolve(folder, target.rootfs);
  const words = inShell(target.command, rootfs);
  const vm = settingsOf(call, target.vm);
  return { name, kernel, kernelArguments, rootfs, words, vm, folder, terminal: false };
}

function settingsOf(call: CommandCall, from: VmConfig): VmConfig {
  const memory = call.text('memory') ?? from.memory;
  try {
    checkMemory(memory, '--memory');
  } catch (error) {
    throw usageError((error as Error).message);
  }
  return { ...from, cpus: call.count('cpus', from.cpus, 1, 255), memory };
}

async function runTask(task: Task, call: CommandCall, io: CliIo): Promise<Result> {
  const cache = cacheFolder(io.env) ?? join(tmpdir(), 'beeyard-vm-cache');
  const kernel = findKernel(task.kernel, task.folder, cache);
  const guest = guestProgram(cache);
  io.err(`=> ${task.name}\n`);
  const kept: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  const take = (name: 'stdout' | 'stderr') => (chunk: Uint8Array) => {
    if (call.json) kept[name].push(chunk);
    else process[name].write(chunk);
  };
  const terminal = task.terminal ? onTerminal() : undefined;
  try {
    const end = await runMachine({
      ...machineOf(task, call, io, kernel.path, terminal),
      guest,
      modules: kernel.modules,
      output: take('stdout'),
      errors: take('stderr'),
    });
    report(task, end, io);
    const text = (name: 'stdout' | 'stderr') => Buffer.concat(kept[name]).toString('utf8');
    return { task, end, stdout: text('stdout'), stderr: text('stderr') };
  } finally {
    terminal?.restore();
  }
}

function machineOf(
  task: Task,
  call: CommandCall,
  io: CliIo,
  kernel: string,
  terminal: TerminalLink | undefined,
): Pick<VmRun, 'settings' | 'job' | 'timeout' | 'interrupt' | 'ready'> {
  const shares = sharesOf(task);
  const { cpus, memory, extraArguments } = task.vm;
  const { kernelArguments, rootfs } = task;
  const accelerator = (call.text('accel') ?? 'auto') as Accelerator | 'auto';
  const settings = { accelerator, cpus, memory, kernel, kernelArguments, rootfs };
  return {
    settings: { ...settings, shares, extraArguments },
    job: {
      shares,
      folder: rootfs === '/' ? task.folder : WORKSPACE,
      environment: environment(io),
      words: task.words,
      ...(terminal && { terminal: terminal.size }),
    },
    timeout: call.count('timeout', DAY, 1, DAY),
    interrupt: io.interrupt,
    ...(terminal && { ready: terminal.connect }),
  };
}

/** The working directory by both names; what the file names besides. */
function sharesOf({ folder, rootfs, vm }: Task): readonly Share[] {
  const places = rootfs === '/' && folder !== '/' ? [WORKSPACE, folder] : [WORKSPACE];
  const mounts = Object.entries(vm.mounts).map(([guest, { host, writable }]) => ({
    host: resolve(folder, host),
    guest,
    writable,
  }));
  const missing = mounts.find(({ host }) => !existsSync(host));
  if (missing) throw new CliError(EXIT.input, `there is no ${missing.host} to mount`);
  return [...places.map((guest) => ({ host: folder, guest, writable: true })), ...mounts];
}

const environment = ({ env }: CliIo): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

function report({ name }: Task, end: VmEnd, io: CliIo): void {
  if (end.kind === 'timeout') io.err(`${name}: out of time after ${end.seconds.toFixed(1)} s\n`);
  if (end.kind === 'failed') io.err(`${name}: ${end.words}\n`);
}

function codeOf(end: VmEnd): number {
  if (end.kind === 'exit') return end.code;
  return { timeout: TIMED_OUT, interrupted: EXIT.interrupted, failed: NO_END }[end.kind];
}

/** Of one command its own; of several that of the first that failed. */
const exitCode = (results: readonly Result[]): number =>
  results.map(({ end }) => codeOf(end)).find((code) => code !== 0) ?? EXIT.ok;

function jsonOf({ task, end, stdout, stderr }: Result) {
  const { kind, seconds, bootSeconds } = end;
  const words = end.kind === 'failed' ? { error: end.words } : {};
  const times = { boot_seconds: bootSeconds, seconds };
  return { name: task.name, end: kind, exit_code: codeOf(end), ...words, ...times, stdout, stderr };
}
