import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Btf } from '../../src/btf/index.ts';
import { printC, printRaw, rawTypes } from '../../src/btf/index.ts';
import { parseBtfFile } from '../../src/object/index.ts';
import { fixture, fixturePath, fixtures, hasTool, toolOutput } from '../fixtures/read.ts';

const withBtf = fixtures.filter((name) => name !== 'no-debug.bpf.o');

/** bpftool 7.1 does not know that one-byte enums need an attribute; that of Linux 6.12 does. */
const withoutModes = (text: string): string => text.replaceAll(' __attribute__((mode(byte)))', '');

describe.skipIf(!hasTool('bpftool'))('bpftool on this machine agrees', () => {
  test.each(withBtf)('on %s', (name) => {
    const btf = parseBtfFile(fixture(name));
    const path = fixturePath(name);
    expect(printRaw(btf)).toBe(toolOutput('bpftool', 'btf', 'dump', 'file', path));
    // In JSON, bpftool 7.1 sign-extends unsigned 32-bit values of enums.
    const json = JSON.parse(
      toolOutput('bpftool', '-j', 'btf', 'dump', 'file', path)!,
      (key, value) =>
        key === 'val' && value > 2 ** 63 ? Number(BigInt.asUintN(32, BigInt(value))) : value,
    );
    const text = JSON.stringify(rawTypes(btf), (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    expect(JSON.parse(text)).toEqual(json.types);
    const expected = toolOutput('bpftool', 'btf', 'dump', 'file', path, 'format', 'c')!;
    expect(withoutModes(printC(btf))).toBe(withoutModes(expected));
  });
});

/** Assertions that the compiler sees the layout BTF tells. */
function layoutChecks(btf: Btf): string {
  const lines: string[] = [];
  for (const type of btf.types) {
    if ((type.kind !== 'struct' && type.kind !== 'union') || !type.name) continue;
    const tag = `${type.kind} ${type.name}`;
    lines.push(`_Static_assert(sizeof(${tag}) == ${type.size}, "size of ${tag}");`);
    for (const { name, bitOffset, bitSize } of type.members) {
      if (!name || bitSize > 0) continue;
      const place = `__builtin_offsetof(${tag}, ${name}) == ${bitOffset / 8}`;
      lines.push(`_Static_assert(${place}, "place of ${name} in ${tag}");`);
    }
  }
  return lines.join('\n');
}

describe.skipIf(!hasTool('clang-19'))('clang compiles it to the same layout', () => {
  test.each(withBtf)('for %s', (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'beeyard-btf-'));
    try {
      const btf = parseBtfFile(fixture(name));
      const file = join(folder, 'types.c');
      writeFileSync(file, `${printC(btf)}\n${layoutChecks(btf)}\n`);
      const flags = ['-target', name.includes('bpfeb') ? 'bpfeb' : 'bpf', '-fsyntax-only'];
      execFileSync('clang-19', [...flags, '-Wno-everything', file], { stdio: 'pipe' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const VMLINUX = '/sys/kernel/btf/vmlinux';

test.skipIf(!existsSync(VMLINUX) || !hasTool('bpftool'))('on the BTF of the running kernel', () => {
  const btf = parseBtfFile(new Uint8Array(readFileSync(VMLINUX)));
  const dump = ['btf', 'dump', 'file', VMLINUX];
  expect(printRaw(btf) === toolOutput('bpftool', ...dump)).toBe(true);
  const expected = toolOutput('bpftool', ...dump, 'format', 'c')!;
  expect(withoutModes(printC(btf)) === withoutModes(expected)).toBe(true);
});
