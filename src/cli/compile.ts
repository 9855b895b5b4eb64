import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Compiler, findCompiler, includeFolder, MissingCompiler } from '../import/index.ts';
import { compileArguments } from '../tools/index.ts';
import { CliError, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';

/** What the user may say about compiling. */
export interface CompileSettings {
  readonly cpu?: string | undefined;
  readonly includes?: readonly string[];
  readonly defines?: readonly string[];
}

/** Room for an object on standard output. */
const MOST_BYTES = 1 << 28;

export const isTypeScript = (path: string): boolean => path.endsWith('.ts');

/** Compiles a file to `out`, '-' for the bytes. Throws CliError if it does not compile. */
export async function compileSource(
  source: string,
  out: string,
  compiler: Compiler,
  settings: CompileSettings,
  io: CliIo,
): Promise<Uint8Array> {
  const path = resolve(io.cwd, source);
  const generated = isTypeScript(source);
  const input = generated ? await cOf(source, io) : undefined;
  const args = compileArguments(generated ? '-' : path, out, {
    cpu: settings.cpu ?? 'v3',
    includes: [...(settings.includes ?? []), includeFolder()],
    defines: settings.defines ?? [],
    color: io.errorColor,
    generated,
  });
  const result = spawnSync(compiler.command, [...compiler.before, ...args], {
    cwd: io.cwd,
    maxBuffer: MOST_BYTES,
    ...(input === undefined ? {} : { input }),
  });
  if (result.stderr?.length) io.err(result.stderr.toString());
  if (result.error) {
    throw new CliError(EXIT.missing, `cannot run ${compiler.command}: ${result.error.message}`);
  }
  if (result.status !== 0) throw doesNotCompile(source, 'see above');
  return new Uint8Array(result.stdout);
}

/** The C of a `.bpf.ts` file. What is wrong with it goes to standard error, a line each. */
export async function cOf(source: string, io: CliIo): Promise<string> {
  const { compileTypeScript, SourceError } = await import('../tools/index.ts');
  const path = resolve(io.cwd, source);
  try {
    return compileTypeScript(readFileSync(path, 'utf8'), path).c;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    io.err(`${error.message.replaceAll(path, source)}\n`);
    throw doesNotCompile(source, 'see above, and docs/bpf-in-typescript.md');
  }
}

const doesNotCompile = (source: string, hint: string): CliError =>
  new CliError(EXIT.finding, `${basename(source)} does not compile`, hint);

/** Throws a CliError if there is no such file. */
export function mustExist(source: string, io: CliIo): void {
  if (existsSync(resolve(io.cwd, source))) return;
  throw new CliError(EXIT.input, `${source}: there is no such file`);
}

/** The first compiler that has a bpf target, or the given one. Throws CliError without one. */
export function compilerFor(given: string | undefined, io: CliIo): Compiler {
  try {
    return findCompiler(given, io.env, io.cwd);
  } catch (error) {
    if (!(error instanceof MissingCompiler)) throw error;
    throw new CliError(EXIT.missing, error.message, error.hint, { cause: error });
  }
}
