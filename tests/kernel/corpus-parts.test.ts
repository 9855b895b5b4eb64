import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { logHash } from '../../scripts/corpus/normal.mjs';
import { csvCell, parseCsv, recorded } from '../../scripts/corpus/recorded.mjs';
import type { Btf } from '../../src/btf/index.ts';
import { compilePattern, firstMissing, testSpecs } from '../../src/tools/selftests/index.ts';

describe('patterns of messages', () => {
  test('are searched one behind the other', () => {
    const log = 'one two\nthree two';
    expect(firstMissing(log, ['one', 'three', 'two'])).toBe(-1);
    expect(firstMissing(log, ['three', 'one'])).toBe(1);
    expect(firstMissing(log, ['two', 'two', 'two'])).toBe(2);
    expect(firstMissing(log, [])).toBe(-1);
  });

  test('hold POSIX expressions in double braces, the rest is as it stands', () => {
    expect(firstMissing('R1_w=scalar(id=1)', ['R1_w=scalar(id={{[0-9]+}})'])).toBe(-1);
    expect(firstMissing('R1_w=scalarXid=1)', ['R1_w=scalar(id={{[0-9]+}})'])).toBe(0);
    expect(firstMissing('a.b', ['a{{.}}b'])).toBe(-1);
    expect(firstMissing('x=12 y', ['x={{[[:digit:]]+[[:space:]]y}}'])).toBe(-1);
  });

  test('stay on their line', () => {
    expect(compilePattern('a{{.*}}b').test('a\nb')).toBe(false);
    expect(compilePattern('a{{[^x]*}}b').test('a\nb')).toBe(false);
    expect(compilePattern('{{^}}b{{$}}').test('a\nb\nc')).toBe(true);
  });
});

/** An object of two programs whose functions carry these tags. */
function specsOf(tags: Record<string, string[]>) {
  const types: object[] = [{ id: 0, kind: 'void', name: '' }];
  const ids = new Map<string, number>();
  for (const [name, words] of Object.entries(tags)) {
    ids.set(name, types.length);
    types.push({ id: types.length, kind: 'func', name });
    for (const word of words) {
      const type = ids.get(name);
      types.push({ kind: 'decl_tag', name: `comment:test_${word}`, type, component: -1 });
    }
  }
  const btf = { types, find: (_: string, name: string) => ids.get(name) };
  const programs = Object.keys(tags).map((name) => ({ name }));
  return testSpecs({ btf: btf as unknown as Btf, programs });
}

describe('annotations', () => {
  test('a mode is tested when a tag of it is there; unprivileged takes over what it lacks', () => {
    const spec = specsOf({
      p: ['expect_failure', 'expect_msg=0=words=of it', 'expect_success_unpriv'],
    }).get('p')!;
    expect(spec.modes).toBe(3);
    expect(spec.privileged).toMatchObject({ failure: true, messages: ['words=of it'] });
    expect(spec.unprivileged).toMatchObject({ failure: false, messages: ['words=of it'] });
  });

  test('flags are added to the default ones or taken away', () => {
    const specs = specsOf({
      p: ['prog_flags=BPF_F_TEST_STATE_FREQ', 'log_level=2'],
      q: ['prog_flags=!BPF_F_TEST_REG_INVARIANTS', 'auxiliary'],
    });
    expect(specs.get('p')).toMatchObject({ flags: 0x8c, logLevel: 2, modes: 1, auxiliary: false });
    expect(specs.get('q')).toMatchObject({ flags: 0x04, auxiliary: true });
  });

  test('tests of other machines are skipped', () => {
    const specs = specsOf({ p: ['arch=ARM64'], q: ['arch=ARM64', 'arch=X86_64'], r: ['retval=1'] });
    expect([...specs.values()].map(({ skipped }) => skipped)).toEqual([true, false, false]);
  });
});

describe('records', () => {
  test('cells are read as they are written', () => {
    const cells = ['plain', 'with, comma', 'with "quotes"', '', 'last'];
    expect(parseCsv(`${cells.map(csvCell).join(',')}\n,x,\n`)).toEqual([cells, ['', 'x', '']]);
  });

  test('every accepted program has its figures', () => {
    for (const mode of ['privileged', 'unprivileged']) {
      const rows = [...recorded(mode).values()].flatMap((programs) => [...programs.values()]);
      expect(rows.length).toBeGreaterThan(800);
      for (const row of rows.filter(({ verdict }) => verdict === 'accepted')) {
        expect(row.object).toMatch(/\.bpf\.o$/);
        expect(Number(row.processed), row.program).toBeGreaterThan(0);
        expect(row.stack, row.program).toMatch(/^\d+(\+\d+)*$/);
      }
    }
  });

  test('logs are equal but for addresses and times', () => {
    const log = (address: string, time: number) =>
      `0: (18) r1 = ${address}       ; R1_w=map_ptr(map=m,ks=4,vs=4)\n` +
      `verification time ${time} usec\nstack depth 8\n`;
    expect(logHash(log('0xffff888003c1a000', 5))).toBe(logHash(log('0x0', 6)));
    expect(logHash(log('0x0', 5))).not.toBe(logHash(log('0x0', 5).replace('depth 8', 'depth 16')));
  });

  test('every known miss is in a record or a table', () => {
    const path = 'tests/fixtures/kernel/known-misses.json';
    const misses: Record<string, string> = JSON.parse(readFileSync(path, 'utf8'));
    for (const name of Object.keys(misses)) {
      expect(name).toMatch(/^(\w+\.bpf\.o:\w+(@unpriv)?|test_verifier:\d+\/[pu] .+)$/);
    }
  });
});
