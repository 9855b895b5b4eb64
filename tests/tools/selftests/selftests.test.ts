/** Selftests of the kernel: annotations against what comes of a program, and reports. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../../src/abi/index.ts';
import type { Btf } from '../../../src/btf/index.ts';
import { parseObject } from '../../../src/object/index.ts';
import {
  judgeSelftest,
  returnOf,
  type SelftestMode,
  type SelftestResult,
  selftestName,
  selftestsJunit,
  selftestsTap,
  testSpecs,
} from '../../../src/tools/selftests/index.ts';
import { fixture } from '../../fixtures/read.ts';

const object = parseObject(fixture('plain.bpf.o'));
const [program] = object.programs;

/** What these tags say of a program of that name. */
function specOf(name: string, tags: readonly string[]) {
  const func = { id: 1, kind: 'func', name };
  const others = tags.map((tag) => ({
    kind: 'decl_tag',
    name: `comment:test_${tag}`,
    type: 1,
    component: -1,
  }));
  const btf = { types: [{ kind: 'void' }, func, ...others], find: () => 1 };
  return testSpecs({ btf: btf as unknown as Btf, programs: [{ name }] }).get(name);
}

describe('annotations', () => {
  it('of any words never throw', () => {
    let state = 7;
    const draw = (below: number) => (state = (state * 48271) % 2147483647) % below;
    const words = ['expect_msg', 'retval', 'arch', 'prog_flags', 'log_level', 'x', '=', '!', '0'];
    for (let i = 0; i < 2000; i++) {
      const tags = Array.from({ length: draw(6) }, () =>
        Array.from({ length: 1 + draw(5) }, () => words[draw(words.length)]).join(''),
      );
      const spec = specOf('p', tags);
      if (spec) expect([1, 2, 3]).toContain(spec.modes);
      else expect(tags).toEqual([]);
    }
  });

  it('name what is returned as the kernel does', () => {
    expect(['2', '0xff', '-1', 'INT_MIN', 'TEST_DATA_LEN', 'POINTER_VALUE'].map(returnOf)).toEqual([
      2,
      255,
      -1,
      -(2 ** 31),
      64,
      'pointer',
    ]);
  });
});

describe('a test', () => {
  let profile: KernelProfile;
  beforeAll(async () => {
    profile = await loadKernelProfile();
  });

  const judged = (tags: readonly string[], said?: string, mode: SelftestMode = 'privileged') => {
    const spec = specOf(program!.name, tags);
    const unit = { file: 'plain.bpf.o', object, program: program!, spec, mode };
    return judgeSelftest(unit, profile, () => Promise.resolve(said));
  };

  it('passes if it is as it says', async () => {
    expect(await judged(['expect_success'])).toMatchObject({ status: 'pass' });
    const unpriv = ['expect_success', 'expect_failure_unpriv'];
    const one = await judged(unpriv, undefined, 'unprivileged');
    expect(one).toMatchObject({ status: 'pass', name: `plain/${program!.name}@unpriv` });
  });

  it('fails with the reason otherwise', async () => {
    const accepted = await judged(['expect_failure']);
    expect(accepted).toMatchObject({ status: 'fail', why: expect.stringContaining('accepted') });
    const message = await judged(['expect_success', 'log_level=2', 'expect_msg=0=no such words']);
    expect(message.why).toBe('the log has no ‘no such words’');
    expect(message.log).toContain('processed');
    const wrong = await judged(['expect_success', 'retval=3'], 'it returned 2');
    expect(wrong).toMatchObject({ status: 'fail', why: 'it returned 2' });
  });

  it('of another architecture is left out', async () => {
    expect(await judged(['expect_success', 'arch=ARM64'])).toMatchObject({ status: 'skip' });
  });

  it('has a name', () => {
    const unit = {
      file: 'a.bpf.o',
      program: program!,
      spec: undefined,
      mode: 'privileged',
    } as const;
    expect(selftestName(unit)).toBe(`a/${program!.name}`);
  });
});

describe('reports', () => {
  const one = (name: string, rest: Partial<SelftestResult>): SelftestResult => ({
    name,
    file: 'a.bpf.o',
    program: name,
    mode: 'privileged',
    description: name,
    status: 'pass',
    processed: 1,
    ...rest,
  });
  const results = [
    one('a/p', {}),
    one('a/q', { status: 'fail', why: 'x < "y" & z', log: 'line\u0001 1\nline 2' }),
    one('a/r', { status: 'skip', why: 'no module' }),
  ];

  it('are XML that can be read', () => {
    const xml = selftestsJunit(results);
    expect(xml).toContain('tests="3" failures="1" skipped="1"');
    expect(xml).toContain('message="x &lt; &quot;y&quot; &amp; z"');
    expect(xml).not.toContain('\u0001');
  });

  it('are TAP', () => {
    expect(selftestsTap(results).split('\n').slice(0, 5)).toEqual([
      'TAP version 14',
      '1..3',
      'ok 1 - a/p',
      'not ok 2 - a/q',
      '# x < "y" & z',
    ]);
  });
});
