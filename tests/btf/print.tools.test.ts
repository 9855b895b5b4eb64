import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { Btf } from '../../src/btf/index.ts';
import { openBtf, printC, printRaw, rawTypes } from '../../src/btf/index.ts';
import { parseBtfFile } from '../../src/object/index.ts';
import { fixture, fixturePath, fixtures, hasTool } from '../fixtures/read.ts';
import { bpftool, hasBpftool, isNew } from './bpftool.ts';
import { selftestObjects } from './selftests.ts';

/** Every so many of the kernel's objects are compared. */
const STEP = 8;

const withBtf = fixtures.filter((name) => name !== 'no-debug.bpf.o');

const folder = mkdtempSync(join(tmpdir(), 'beeyard-print-'));
afterAll(() => rmSync(folder, { recursive: true }));

const generated = join(import.meta.dirname, '../../src/abi/generated/6.12');

/** The uncompressed types of the kernel, as a file. */
const vmlinux = join(folder, 'vmlinux.btf');
writeFileSync(vmlinux, gunzipSync(readFileSync(join(generated, 'vmlinux.btf.gz'))));

const MODES = / __attribute__\(\(mode\((byte|word)\)\)\)/g;

/**
 * What bpftool prints. One before 7.5 does not sort, has no words for kernel functions, and does
 * not know that enums of one or eight bytes need an attribute: ours is made like it.
 */
function expectSameC(btf: Btf, path: string): void {
  const dump = ['btf', 'dump', 'file', path, 'format', 'c'];
  if (isNew) {
    // Compared outside of expect: megabytes make no readable difference.
    expect(printC(btf) === bpftool(...dump)).toBe(true);
    expect(printC(btf, { unsorted: true }) === bpftool(...dump, 'unsorted')).toBe(true);
  } else {
    const ours = printC(btf, { unsorted: true })
      .replace(/#ifndef __ksym\n[^]*?#ifndef __weak\n[^]*?#endif\n\n/, '')
      .replace(/\n\/\* BPF kfuncs \*\/\n[^]*?#endif\n\n/, '')
      .replace(MODES, '');
    const theirs = bpftool(...dump).replace(MODES, '');
    expect(ours === theirs).toBe(true);
  }
}

describe.skipIf(!hasBpftool)('bpftool agrees', () => {
  test.each(withBtf)('on %s', (name) => {
    const btf = parseBtfFile(fixture(name));
    const path = fixturePath(name);
    expect(printRaw(btf)).toBe(bpftool('btf', 'dump', 'file', path));
    // In JSON, bpftool sign-extends unsigned 32-bit values of enums.
    const json = JSON.parse(bpftool('-j', 'btf', 'dump', 'file', path), (key, value) =>
      key === 'val' && value > 2 ** 63 ? Number(BigInt.asUintN(32, BigInt(value))) : value,
    );
    const text = JSON.stringify(rawTypes(btf), (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    expect(JSON.parse(text)).toEqual(json.types);
    expectSameC(btf, path);
  });

  test('on the kernel of the profile, byte for byte', () => {
    const btf = openBtf(new Uint8Array(readFileSync(vmlinux)));
    expect(printRaw(btf) === bpftool('btf', 'dump', 'file', vmlinux)).toBe(true);
    expectSameC(btf, vmlinux);
  });

  test('on kernel selftests, as C', async () => {
    const objects = await selftestObjects();
    const wrong: string[] = [];
    for (let i = 0; i < objects.length; i += STEP) {
      const path = objects[i]!;
      try {
        expectSameC(parseBtfFile(new Uint8Array(readFileSync(path))), path);
      } catch (error) {
        wrong.push(`${path}: ${(error as Error).message}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('on a module over that kernel', () => {
    const path = join(folder, 'module.btf');
    writeFileSync(path, gunzipSync(readFileSync(join(generated, 'modules/nf_conntrack.btf.gz'))));
    const base = openBtf(new Uint8Array(readFileSync(vmlinux)));
    const btf = openBtf(new Uint8Array(readFileSync(path)), base);
    expect(printRaw(btf)).toBe(bpftool('-B', vmlinux, 'btf', 'dump', 'file', path));
    const dump = ['-B', vmlinux, 'btf', 'dump', 'file', path, 'format', 'c'];
    if (isNew) expect(printC(btf) === bpftool(...dump)).toBe(true);
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
  const compile = (text: string, target: string): void => {
    const file = join(folder, 'types.c');
    writeFileSync(file, text);
    const flags = ['-target', target, '-fsyntax-only', '-Wno-everything'];
    execFileSync('clang-19', [...flags, file], { stdio: 'pipe' });
  };

  test.each(withBtf)('for %s', (name) => {
    const btf = parseBtfFile(fixture(name));
    const target = name.includes('bpfeb') ? 'bpfeb' : 'bpf';
    compile(`${printC(btf, { unsorted: true })}\n${layoutChecks(btf)}\n`, target);
  });

  test('for the kernel, in less than two seconds to print', () => {
    const btf = openBtf(new Uint8Array(readFileSync(vmlinux)));
    // Time of this process: other work on the machine is none of ours.
    const before = process.cpuUsage();
    const text = printC(btf);
    const { user, system } = process.cpuUsage(before);
    const time = (user + system) / 1000;
    process.stdout.write(`${text.length} characters of C in ${time | 0} ms\n`);
    expect(time).toBeLessThan(2000);
    compile(text, 'bpf');
  });
});

const RUNNING = '/sys/kernel/btf/vmlinux';

test.skipIf(!existsSync(RUNNING) || !hasBpftool)('on the BTF of the running kernel', () => {
  const btf = parseBtfFile(new Uint8Array(readFileSync(RUNNING)));
  expect(printRaw(btf) === bpftool('btf', 'dump', 'file', RUNNING)).toBe(true);
  expectSameC(btf, RUNNING);
});
