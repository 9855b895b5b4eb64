import type { Compiler } from '../import/index.ts';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommandCall } from './command.ts';
import { cOf, compileSource, compilerFor, isTypeScript, mustExist } from './compile.ts';
import { EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard build`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const source = call.operands[0]!;
  mustExist(source, io);
  const out = call.text('out') ?? objectName(source);
  if (resolve(io.cwd, out) === resolve(io.cwd, source)) {
    throw usageError(`--out ${out} would write over the source`);
  }
  if (call.flag('emit-c')) return emitC(call, source, io);
  const compiler = compilerFor(call.text('clang'), io);
  const settings = {
    cpu: call.text('cpu'),
    includes: call.list('include').map((folder) => resolve(io.cwd, folder)),
    defines: call.list('define'),
  };
  await compileSource(source, resolve(io.cwd, out), compiler, settings, io);
  report(call, io, out, compiler);
  return EXIT.ok;
}

/** 'x.bpf.c' and 'x.bpf.ts' → 'x.bpf.o'; anything else gets '.bpf.o' behind it. */
function objectName(source: string): string {
  const stem = source.replace(/\.(c|ts)$/, '');
  return stem + (stem === source ? '.bpf.o' : '.o');
}

/** The C made of a `.bpf.ts` file, to --out or standard output. */
async function emitC(call: CommandCall, source: string, io: CliIo): Promise<number> {
  if (!isTypeScript(source)) throw usageError('--emit-c is for programs written in TypeScript');
  const c = await cOf(source, io);
  const out = call.text('out');
  if (out === undefined) io.out(c);
  else writeFileSync(resolve(io.cwd, out), c);
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
