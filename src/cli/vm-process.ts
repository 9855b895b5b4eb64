/** QEMU as a process: starts it, carries output out, and leaves nothing behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import {
  type Accelerator,
  encodeJob,
  initramfs,
  type Job,
  QEMU_FD,
  qemuArguments,
  type QemuSettings,
} from '../tools/vm/index.ts';
import { CliError, EXIT } from './exit.ts';

const QEMU = 'qemu-system-x86_64';
const CONSOLE_LINES = 12;
/** Lines of the console that are shown however long ago they came. */
const REASON = /Kernel panic|BUG: |Oops/;
/** Seconds in which a machine with KVM has come up, if it ever does. */
const KVM_BOOT = 20;

/** One run of a machine. */
export interface VmRun {
  readonly settings: Omit<QemuSettings, 'accelerator'> & {
    readonly accelerator: Accelerator | 'auto';
  };
  readonly job: Job;
  /** The first program and the modules it loads. */
  readonly guest: Uint8Array;
  readonly modules: readonly Uint8Array[];
  /** Seconds after which it is ended, with all that runs in it. */
  readonly timeout: number;
  readonly interrupt?: AbortSignal | undefined;
  output(chunk: Uint8Array): void;
  errors(chunk: Uint8Array): void;
  /** Called when the command starts; gets what is typed in, and changed sizes of the terminal. */
  ready?(send: (bytes: Uint8Array) => void, resize: (rows: number, columns: number) => void): void;
}

/** How it ended: as the command did, or in another way. */
export type VmEnd = { readonly seconds: number; readonly bootSeconds: number } & (
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'timeout' | 'interrupted' }
  /** The machine stopped, or could not do its work. */
  | { readonly kind: 'failed'; readonly words: string }
);

/** Throws CliError where QEMU is missing. */
export function checkQemu(): void {
  if (has(QEMU)) return;
  const hint = 'apt-get install --no-install-recommends qemu-system-x86';
  throw new CliError(EXIT.missing, `${QEMU} is missing`, hint);
}

const has = (name: string): boolean => spawnSync(name, ['--version']).status === 0;

/** Machines that run now: ended when this process ends. */
const running = new Set<ChildProcess>();
const DEADLY = { SIGHUP: 129, SIGTERM: 143 } as const;

function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

function endThemWithUs(): void {
  if (process.listeners('exit').includes(endAll)) return;
  process.on('exit', endAll);
  for (const [signal, code] of Object.entries(DEADLY)) {
    process.on(signal, () => process.exit(code));
  }
}

/**
 * Boots the machine, does the job, ends the machine. `auto` is KVM, and where that does not get as
 * far as the command, emulated.
 */
export async function runMachine(run: VmRun): Promise<VmEnd> {
  if (run.settings.accelerator !== 'auto') return runOnce(run, run.settings.accelerator);
  const first = kvmIsThere() ? await runOnce(run, 'kvm', KVM_BOOT) : undefined;
  const useless = !first || (first.kind === 'failed' && first.bootSeconds === 0);
  return useless ? runOnce(run, 'tcg') : first;
}

function kvmIsThere(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function runOnce(run: VmRun, accelerator: Accelerator, boot?: number): Promise<VmEnd> {
  const child = start(run, accelerator);
  const machine = new Machine(run, child);
  const timer = setTimeout(() => machine.end({ kind: 'timeout' }), run.timeout * 1000);
  const hopeless = boot && setTimeout(() => machine.giveUp(), boot * 1000);
  const stop = () => machine.end({ kind: 'interrupted' });
  run.interrupt?.addEventListener('abort', stop);
  if (run.interrupt?.aborted) stop();
  try {
    return await machine.ended;
  } finally {
    clearTimeout(timer);
    clearTimeout(hopeless);
    run.interrupt?.removeEventListener('abort', stop);
    running.delete(child);
  }
}

function start({ settings, job, guest, modules }: VmRun, accelerator: Accelerator): ChildProcess {
  const named = modules.map((bytes, index) => [`module${index}`, bytes] as const);
  const files = { init: guest, job: encodeJob(job), ...Object.fromEntries(named) };
  const archive = openNameless(initramfs(files));
  const words = [...dyingWithParent(), QEMU, ...qemuArguments({ ...settings, accelerator })];
  endThemWithUs();
  try {
    const child = spawn(words[0]!, words.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe', archive, 'pipe', 'pipe', 'pipe', 'pipe'],
      // Ctrl-C is ours: the machine ends because we end it.
      detached: true,
    });
    running.add(child);
    return child;
  } finally {
    closeSync(archive);
  }
}

/** Linux: a file that never has a name (asm-generic/fcntl.h, with O_DIRECTORY). */
const O_TMPFILE = 0o20200000;

/** An open file that has no name: nothing is left of it when everybody closed it. */
function openNameless(bytes: Uint8Array): number {
  try {
    const file = openSync(tmpdir(), O_TMPFILE | constants.O_RDWR, 0o600);
    writeFileSync(file, bytes);
    return file;
  } catch {
    return openUnlinked(bytes);
  }
}

/** For file systems that cannot make one. */
function openUnlinked(bytes: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-vm-'));
  try {
    const path = join(folder, 'initramfs');
    writeFileSync(path, bytes);
    return openSync(path, 'r');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Only while we live: who asked to die with its parent may have lost it before. */
const WHILE_WE_LIVE = '[ "$PPID" = "$0" ] && exec "$@"';

/** Linux ends a process with its parent when it is asked to: also when that is killed. */
const dyingWithParent = (): string[] =>
  has('setpriv')
    ? 'setpriv --pdeathsig KILL -- /bin/sh -c'.split(' ').concat(WHILE_WE_LIVE, `${process.pid}`)
    : [];

type Outcome =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'timeout' | 'interrupted' }
  | { readonly kind: 'failed'; readonly words: string };

/** What is said between us and the machine. */
class Machine {
  readonly ended: Promise<VmEnd>;
  readonly #run: VmRun;
  readonly #child: ChildProcess;
  readonly #start = performance.now();
  #boot = 0;
  #outcome: Outcome | undefined;
  #said = '';
  readonly #printed: Uint8Array[] = [];

  constructor(run: VmRun, child: ChildProcess) {
    this.#run = run;
    this.#child = child;
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => resolve(this.#ending()));
    });
    this.#listen(QEMU_FD.output, (chunk) => run.output(chunk));
    this.#listen(QEMU_FD.errors, (chunk) => run.errors(chunk));
    this.#listen(QEMU_FD.control, (chunk) => this.#hear(chunk));
    this.#listen(QEMU_FD.console, (chunk) => this.#printed.push(chunk));
    child.stderr!.on('data', (chunk: Uint8Array) => this.#printed.push(chunk));
  }

  /** Node's types end at the fifth file. */
  #stream(fd: number): Duplex {
    return (this.#child.stdio as readonly unknown[])[fd] as Duplex;
  }

  #listen(fd: number, take: (chunk: Uint8Array) => void): void {
    const stream = this.#stream(fd);
    stream.on('data', take);
    // A machine that is gone takes nothing: that it is gone is told by `close`.
    stream.on('error', () => {});
  }

  end(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.#child.kill('SIGKILL');
  }

  /** Ends a machine that has not come up. */
  giveUp(): void {
    if (this.#boot === 0) this.end({ kind: 'failed', words: 'the machine does not come up' });
  }

  /** Lines of the control port: ready, exit CODE, error WORDS. */
  #hear(chunk: Uint8Array): void {
    this.#said += Buffer.from(chunk).toString('utf8');
    const lines = this.#said.split('\n');
    this.#said = lines.pop()!;
    for (const line of lines) this.#heard(line);
  }

  #heard(line: string): void {
    const at = line.indexOf(' ');
    const [word, rest] = at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    if (word === 'ready') this.#ready();
    else if (word === 'exit') this.end({ kind: 'exit', code: Number(rest) });
    else this.end({ kind: 'failed', words: rest });
  }

  #ready(): void {
    this.#boot = this.#seconds();
    const output = this.#stream(QEMU_FD.output);
    const control = this.#stream(QEMU_FD.control);
    this.#run.ready?.(
      (bytes) => output.write(bytes),
      (rows, columns) => control.write(`size ${rows} ${columns}\n`),
    );
  }

  #seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  #ending(): VmEnd {
    const times = { seconds: this.#seconds(), bootSeconds: this.#boot };
    if (this.#outcome && this.#outcome.kind !== 'failed') return { ...this.#outcome, ...times };
    const lines = Buffer.concat(this.#printed).toString('latin1').trim().split(/\r?\n/);
    const first = this.#outcome?.words ?? 'the machine stopped';
    const last = lines.slice(-CONSOLE_LINES);
    const reasons = lines.filter((line) => REASON.test(line) && !last.includes(line));
    const words = [first, ...reasons, ...last].filter((one) => one !== '').join('\n');
    return { kind: 'failed', words, ...times };
  }
}
