/** C from the editor of the studio to an object: in a folder of its own, which is removed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { type Compiler, findCompiler, includeFolder, MissingCompiler } from '../import/index.ts';
import { type ClangMessage, clangMessages, compileArguments } from '../tools/index.ts';

export interface StudioCompileOptions {
  /** $CLANG and $PATH are looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Milliseconds after which the compiler is ended. */
  readonly timeout: number;
}

export interface StudioSource {
  /** 'x.bpf.c', without a folder. */
  readonly name: string;
  readonly text: string;
  /** Of the file on disk: its headers are found by `#include "…"`. */
  readonly folder?: string | undefined;
}

export interface StudioCompiled {
  /** Undefined: it did not compile. */
  readonly object?: Uint8Array;
  readonly messages: readonly ClangMessage[];
  /** Why there is no object, in a line; what to do about it. */
  readonly problem?: string;
  readonly hint?: string;
}

/** More than what a compiler says of any source. */
const MOST_TEXT = 1 << 20;

/**
 * Compiles a source as `beeyard build` does. The paths in the object are those of the source and
 * its headers without their folders, so that it is the same on every machine.
 *
 * Nothing is thrown for what the source or the machine lacks: see `problem`.
 */
export async function compileForStudio(
  source: StudioSource,
  { env, cwd, timeout }: StudioCompileOptions,
  cancelled: AbortSignal,
): Promise<StudioCompiled> {
  const compiler = compilerOf(env, cwd);
  if ('problem' in compiler) return compiler;
  const folder = await mkdtemp(join(tmpdir(), 'beeyard-studio-'));
  try {
    await writeFile(join(folder, source.name), source.text);
    const command = [...compiler.before, ...argumentsFor(source)];
    const ended = await ran(compiler.command, command, { folder, env, timeout, cancelled });
    const messages = clangMessages(ended.errors).map((one) => withoutFolder(one, source.folder));
    if (ended.problem) return { messages, problem: ended.problem };
    if (ended.status === 0) return { messages, ...(await objectIn(folder)) };
    const why = messages.length === 0 ? `: ${ended.errors.trim().slice(0, 200)}` : '';
    return { messages, problem: `${source.name} does not compile${why}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** More than any program, less than what fills the memory of a browser. */
const MOST_OBJECT = 32 << 20;

async function objectIn(folder: string): Promise<Pick<StudioCompiled, 'object' | 'problem'>> {
  const path = join(folder, OBJECT);
  const { size } = await stat(path);
  if (size <= MOST_OBJECT) return { object: await readFile(path) };
  return { problem: `the object has ${size} bytes: at most ${MOST_OBJECT} are taken` };
}

/** Not a name that a source can have. */
const OBJECT = 'object';

/** Of a C source: a name without a folder, that is no option of the compiler. */
export const isSourceName = (name: string): boolean =>
  /^[^-./\\\p{Cc}][^/\\\p{Cc}]{0,150}\.c$/u.test(name);

const compilers = new WeakMap<StudioCompileOptions['env'], Compiler>();

/** Looked for until there is one: it may be installed while the studio is open. */
function compilerOf(env: StudioCompileOptions['env'], cwd: string) {
  try {
    const compiler = compilers.get(env) ?? findCompiler(undefined, env, cwd);
    compilers.set(env, compiler);
    return compiler;
  } catch (error) {
    if (!(error instanceof MissingCompiler)) throw error;
    return { messages: [], problem: error.message, hint: error.hint };
  }
}

function argumentsFor({ name, folder }: StudioSource): string[] {
  const includes = includeFolder();
  const options = { cpu: 'v3', includes: [includes], defines: [], color: false };
  const folders = [includes, ...(folder === undefined ? [] : [folder])];
  return [
    ...(folder === undefined ? [] : ['-iquote', folder]),
    ...folders.map((one) => `-ffile-prefix-map=${one}${one.endsWith(sep) ? '' : sep}=`),
    '-fdebug-compilation-dir=.',
    // A line for each message is all that is read.
    '-fno-caret-diagnostics',
    ...compileArguments(name, OBJECT, options),
  ];
}

function withoutFolder(message: ClangMessage, folder: string | undefined): ClangMessage {
  if (folder === undefined || !message.file?.startsWith(folder + sep)) return message;
  return { ...message, file: message.file.slice(folder.length + 1) };
}

interface Ended {
  readonly status: number | null;
  readonly errors: string;
  readonly problem?: string;
}

function ran(
  command: string,
  args: readonly string[],
  limits: Pick<StudioCompileOptions, 'env' | 'timeout'> & {
    readonly folder: string;
    readonly cancelled: AbortSignal;
  },
): Promise<Ended> {
  const { folder, env, timeout, cancelled } = limits;
  return new Promise((resolve) => {
    // A group of its own: what the compiler started ends with it.
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: process.platform !== 'win32',
    });
    let errors = '';
    let problem: string | undefined;
    const stop = (why: string) => {
      problem ??= why;
      end(child);
    };
    const timer = setTimeout(
      () => stop(`the compiler was ended after ${timeout / 1000} s: it did not finish`),
      timeout,
    );
    const cancel = () => stop('nobody waits for it any more');
    cancelled.addEventListener('abort', cancel);
    if (cancelled.aborted) cancel();
    const done = (status: number | null, failed?: Error) => {
      clearTimeout(timer);
      cancelled.removeEventListener('abort', cancel);
      const why = problem ?? (failed && `cannot run ${command}: ${failed.message}`);
      resolve({ status, errors, ...(why !== undefined && { problem: why }) });
    };
    child.stderr.on('data', (part: Buffer) => {
      if (errors.length < MOST_TEXT) errors += part.toString();
      else stop('the compiler says too much');
    });
    child.once('error', (error) => done(null, error));
    child.once('close', (status) => done(status));
  });
}

function end(child: ChildProcess): void {
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
