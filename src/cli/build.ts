import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Compiler, findCompiler, includeFolder, MissingCompiler } from '../import/index.ts';
import { compileArguments } from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard build`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const source = call.operands[0]!;
  const path = resolve(io.cwd, source);
  if (!existsSync(path)) throw new CliError(EXIT.input, `${source}: there is no such file`);
  const out =
    call.text('out') ?? source.replace(/\.c$/, '') + (source.endsWith('.c') ? '.o' : '.bpf.o');
  if (resolve(io.cwd, out) === path) throw usageError(`--out ${out} would write over the source`);
  const compiler = compilerFor(call.text('clang'), io);
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
  if (result.error) {
    throw new CliError(EXIT.missing, `cannot run ${compiler.command}: ${result.error.message}`);
  }
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

/** The first compiler that has a bpf target. */
function compilerFor(given: string | undefined, io: CliIo): Compiler {
  try {
    return findCompiler(given, io.env, io.cwd);
  } catch (error) {
    if (!(error instanceof MissingCompiler)) throw error;
    throw new CliError(EXIT.missing, error.message, error.hint, { cause: error });
  }
}
