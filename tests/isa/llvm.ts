import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Code } from '../../src/isa/index.ts';
import { encodeCode } from '../../src/isa/index.ts';

export const OBJDUMP = 'llvm-objdump-19';
export const ASSEMBLER = 'llvm-mc-19';
export const CLANG = 'clang-19';

function inTempFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-isa-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function objdump(object: string, mcpu: string | undefined): string {
  const options = mcpu === undefined ? [] : [`--mcpu=${mcpu}`];
  const output = execFileSync(OBJDUMP, ['-d', ...options, object], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  // The first lines name the file.
  return output.slice(output.indexOf('Disassembly of section'));
}

/** What LLVM's assembler makes of `source`, disassembled again. */
export function listAssembly(source: string, mcpu?: string): string {
  return inTempFolder((folder) => {
    const object = join(folder, 'a.o');
    writeFileSync(join(folder, 'a.s'), source);
    const options = ['-triple=bpfel', '-mcpu=v4', '-filetype=obj'];
    execFileSync(ASSEMBLER, [...options, '-o', object, join(folder, 'a.s')]);
    return objdump(object, mcpu);
  });
}

/** llvm-objdump's listing of raw code with a symbol `prog` at its start. */
export function listCode(code: Code, mcpu?: string): string {
  const view = new DataView(encodeCode(code).buffer);
  const quads = Array.from(code.op, (_, i) => `.quad ${view.getBigUint64(i * 8, true)}\n`).join('');
  return listAssembly(`.text\nprog:\n${quads}`, mcpu);
}

/** llvm-objdump's listing of a C file compiled for `mcpu`. */
export function listC(path: string, mcpu: string, objdumpCpu: string | undefined): string {
  return inTempFolder((folder) => {
    const object = join(folder, 'c.o');
    execFileSync(CLANG, ['-O2', '-target', 'bpf', `-mcpu=${mcpu}`, '-c', path, '-o', object]);
    return objdump(object, objdumpCpu);
  });
}
