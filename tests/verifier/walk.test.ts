import { describe, expect, it } from 'vitest';
import { verify, type VerifyResult } from '../../src/verifier/index.ts';
import { inputOf, PRIVILEGED, profile, UNPRIVILEGED } from './programs.ts';

function run(text: string, logLevel = 0, flags = 0): VerifyResult {
  return verify(inputOf(text, { flags }), profile, { logLevel });
}

const linesWith = (log: string, word: string): string[] =>
  log.split('\n').filter((line) => line.includes(word));

/** Wanted registers and slots, and the instruction before which they are. */
const steps = (log: string): string[] =>
  linesWith(log, ' before ').map((line) =>
    line.replace(/^mark_precise: (.*) before (\d+):.*/, '$1 $2'),
  );

describe('precision', () => {
  it('goes back through moves, spills, fills and linked registers', () => {
    const { ok, log } = run(
      `call 7; r0 &= 7; *(u64 *)(r10 - 8) = r0; r6 = r0; r1 = *(u64 *)(r10 - 8)
       if r6 > 3 goto end
       r2 = r10; r2 += -16; r2 += r1; r0 = *(u8 *)(r2 + 0)
       end: r0 = 0; exit`,
      2,
    );
    expect(ok).toBe(true);
    expect(steps(log)).toEqual([
      'frame0: regs=r1 stack= 7',
      'frame0: regs=r1 stack= 6',
      'frame0: regs=r1 stack= 5',
      'frame0: regs=r0,r1,r6 stack=-8 4',
      'frame0: regs=r0,r6 stack=-8 3',
      'frame0: regs=r0 stack=-8 2',
      'frame0: regs=r0 stack= 1',
      'frame0: regs=r0 stack= 0',
    ]);
  });

  it('goes back out of a callee to the arguments', () => {
    const { log } = run(
      'r1 = 5; call f; r0 += 1; exit\n f: r0 = r1; if r0 > 4 goto end; r0 = 1\n end: exit',
      2,
    );
    expect(steps(log)).toEqual([
      'frame1: regs=r0 stack= 4',
      'frame1: regs=r1 stack= 1',
      'frame0: regs=r1 stack= 0',
    ]);
  });

  it('goes back into a callee for its result', () => {
    const { log } = run(
      'call f; if r0 > 4 goto end; r0 = 1\n end: exit\n f: r0 = 7; r1 = 0; exit',
      2,
    );
    expect(steps(log)).toEqual([
      'frame0: regs=r0 stack= 6',
      'frame1: regs=r0 stack= 5',
      'frame1: regs=r0 stack= 4',
    ]);
  });

  it('goes back round a loop', () => {
    const { log } = run('r6 = 0\n again: r6 += 1\n if r6 < 3 goto again\n r0 = r6\n exit', 2);
    const last = steps(log)
      .slice(-6)
      .map((step) => Number(step.split(' ').at(-1)));
    expect(last).toEqual([1, 2, 1, 2, 1, 0]);
  });

  it('marks checkpoints on the way', () => {
    const { log } = run(
      'r6 = 1; r7 = 2\n again: r7 += 1\n if r7 < 5 goto again\n r0 = r10; r0 += -8; r6 <<= 3; r0 -= r6; r0 = r6; exit',
      2,
      8,
    );
    expect(linesWith(log, 'parent state').length).toBeGreaterThan(0);
    expect(linesWith(log, 'parent state regs=r6').length).toBeGreaterThan(0);
  });
});

describe('the walk', () => {
  it('ends a path where an equal state was walked', () => {
    const { ok, log } = run('r0 = 0; if r1 == 0 goto end; r2 = 1\n end: exit', 2, 8);
    expect(ok).toBe(true);
    expect(log).toContain('from 1 to 3: safe');
  });

  it('finds infinite loops', () => {
    const { ok, reason, insn } = run('r0 = 0\n again: if r0 == 0 goto again\n exit', 0, 8);
    expect(ok).toBe(false);
    expect(reason?.code).toBe('prune.infinite_loop');
    expect(insn).toBe(1);
  });

  it('counts bounded loops out', () => {
    const { ok, stats } = run('r0 = 0\n again: r0 += 1\n if r0 < 100 goto again\n exit');
    expect(ok).toBe(true);
    expect(stats.processed).toBe(202);
  });

  it('ends may_goto loops at once', () => {
    const text = 'r0 = 0\n again: r0 += 1\n may_goto +1\n goto again\n exit';
    const { ok, stats } = run(text);
    expect(ok).toBe(true);
    expect(stats.processed).toBeLessThan(40);
  });

  it('says nothing of accepted programs at level 1 but the figures', () => {
    const { log } = run('r0 = 0; exit', 1);
    expect(log).toBe(
      'processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 ' +
        'peak_states 0 mark_read 0\n',
    );
  });

  it('needs initialised registers on every path', () => {
    const { reason, insn } = run('if r1 == 0 goto end; r0 = 1\n end: exit');
    expect(reason?.text).toBe('R0 !read_ok');
    expect(insn).toBe(2);
  });

  it('has a log that does not fit as an error of its own', () => {
    const input = inputOf('r0 = 0; exit');
    expect(verify(input, profile, { logLevel: 1, logSize: 4096 }).ok).toBe(true);
    const { ok, errnoName } = verify(input, profile, { logLevel: 1, logSize: 16 });
    expect([ok, errnoName]).toEqual([false, 'ENOSPC']);
  });

  it('is the same twice, and with somebody looking on', () => {
    const input = inputOf(
      'call 7; r6 = 0\n again: r6 += 1\n if r6 < 9 goto again\n r0 &= r6; exit',
    );
    let seen = 0;
    const observer = { message: () => {}, insn: () => void seen++ };
    const one = verify(input, profile, { logLevel: 2 });
    const two = verify(input, profile, { logLevel: 2, observer });
    expect(two.log).toBe(one.log);
    expect(seen).toBe(one.stats.processed);
    expect(verify(input, profile, { capabilities: UNPRIVILEGED }).ok).toBe(false);
    expect(verify(input, profile, { capabilities: PRIVILEGED }).ok).toBe(true);
  });
});
