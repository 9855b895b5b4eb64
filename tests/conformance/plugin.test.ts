/** The plug-in protocol of bpf_conformance: arguments and hex in, r0 in hex out. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { conformance } from '../../src/cli/conformance.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import { hasTool } from '../isa/helpers.ts';

const spaced = (bytes: Uint8Array) =>
  `${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')} \n`;
const program = (source: string) => spaced(encodeCode(assemble(source).code));

describe.each(['interpreter', 'wasm'])('--engine %s', (engine) => {
  const run = (args: string[], input: string) => conformance([...args, '--engine', engine], input);

  test('prints r0 in hex', async () => {
    expect(await run([], program('r0 = -2\n exit'))).toBe('fffffffffffffffe\n');
  });

  test('takes memory as the first argument, blanks and all', async () => {
    const source = 'r0 = *(u16 *)(r1 + 1)\n r0 <<= 8\n r0 += r2\n exit';
    expect(await run(['aa  bb cc '], program(source))).toBe('ccbb03\n');
  });

  test('names kind and instruction of a fault, as the caller counts', async () => {
    const bad = program('r0 = 0\n r0 = *(u8 *)(r1 + 4)\n exit');
    await expect(run(['01 02 03 04'], bad)).rejects.toThrow(
      /out of range: read of 1 bytes? at .* at insn 1$/,
    );
    await expect(run([], bad)).rejects.toThrow(/out of range: read of 1 bytes? at .* at insn 1$/);
  });

  test('a program that never ends is stopped', async () => {
    await expect(run([], program('goto -1'))).rejects.toThrow(/too many iterations/);
  });

  test('refuses what is no hex, and code that is cut off', async () => {
    await expect(run([], '95 00 zz')).rejects.toThrow(FormatError);
    await expect(run([], '95 0')).rejects.toThrow(FormatError);
    await expect(run([], '95 00')).rejects.toThrow(FormatError);
    await expect(run(['0g'], program('exit'))).rejects.toThrow(FormatError);
  });

  test.runIf(hasTool('clang-19'))(
    'reads objects with --elf, maps and globals included',
    async () => {
      const object = compile(`
      #define SEC(name) __attribute__((section(name), used))
      static void *(*lookup)(void *, const void *) = (void *)1;
      struct { int (*type)[2]; int *key; long *value; int (*max_entries)[4]; } slots SEC(".maps");
      long start = 40;
      static __attribute__((noinline)) long twice(long x) { asm volatile("" : "+r"(x)); return x * 2; }
      SEC("test") long sum(unsigned char *memory) {
        int key = 3;
        long *value = lookup(&slots, &key);
        if (!value) return -1;
        *value += memory[1];
        return start + twice(*value);
      }`);
      const input = spaced(object);
      expect(await run(['01 07', '--elf'], input)).toBe('36\n');
      expect(await run(['01 07', '--elf', 'true', '--program', 'sum'], input)).toBe('36\n');
      await expect(run(['--elf', '--program', 'none'], input)).rejects.toThrow(/no program 'none'/);
    },
  );
});

test('refuses an unknown engine, an unknown option and a second argument', async () => {
  await expect(conformance(['--engine', 'jit'], '')).rejects.toThrow(/no engine 'jit'/);
  await expect(conformance(['--fast'], '')).rejects.toThrow(/--fast/);
  await expect(conformance(['00', '00'], '')).rejects.toThrow(/more than one/);
});

test('an object that is none ends in a FormatError', async () => {
  await expect(conformance(['--elf', '--engine', 'interpreter'], '7f 45 4c 46')).rejects.toThrow(
    FormatError,
  );
});

function compile(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-conformance-'));
  try {
    const [c, object] = [join(folder, 'a.c'), join(folder, 'a.o')];
    writeFileSync(c, source);
    execFileSync('clang-19', ['-O2', '-g', '-target', 'bpf', '-c', c, '-o', object]);
    return new Uint8Array(readFileSync(object));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
