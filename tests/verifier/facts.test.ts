/** Facts of instructions: what they say, and that what happens never contradicts them. */
import { describe, expect, it, test } from 'vitest';
import { assemble, type Code, encodeCode, kernelListing } from '../../src/isa/index.ts';
import { type InsnFacts, verify } from '../../src/verifier/index.ts';
import type { VerifierCapabilities } from '../../src/verifier/types.ts';
import { REGISTERS, randomProgram, runConcrete } from './concrete.ts';
import { PRIVILEGED, UNPRIVILEGED, inputOf, profile } from './programs.ts';
import { randomSource } from './values.ts';

/** BEEYARD_FUZZ=100 runs a hundred times as many programs. */
const SCALE = Number(process.env.BEEYARD_FUZZ ?? 1);
const BPF_F_TEST_STATE_FREQ = 1 << 3;

function factsOf(code: Code, capabilities = PRIVILEGED, flags = 0): InsnFacts {
  const input = inputOf('exit', { insns: encodeCode(code), flags });
  const { ok, reason, facts } = verify(input, profile, { capabilities, facts: true });
  if (!ok) throw new Error(`${reason?.text}\n${kernelListing(code)}`);
  return facts.insns!;
}

/** r9 decides nothing, but r6 is compared with it, and r8 is a copy of r6. */
const LINKED_BY_COMPARISON = `
  call 7
  r8 = r0
  call 7
  r9 = 1
  if r0 > 7 goto +1
  r9 = 100
  r6 = r8
  if r6 > r9 goto +1
  r0 = r8
  r0 = 0
  exit`;

/** On the path that is walked to the end, r7 is a copy of r6. */
const LINKED_ON_ONE_PATH = `
  call 7
  r6 = r0
  call 7
  r7 = r0
  if r0 > 7 goto +1
  r7 = r6
  r9 = 1
  if r6 > 5 goto +1
  r0 = r7
  r0 = 0
  exit`;

const factsOfText = (text: string): InsnFacts => factsOf(assemble(text).code);

const valueOf = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low >>> 0);

/** What of the facts the registers contradict, in words; undefined: nothing. */
function contradiction(facts: InsnFacts, insn: number, words: Int32Array): string | undefined {
  if (!facts.reached(insn)) return 'reached';
  for (let n = 0; n < REGISTERS; n++) {
    const fact = facts.register(insn, n);
    if (fact?.kind !== 'scalar') continue;
    const signed = valueOf(words[2 * n]!, words[2 * n + 1]!);
    const unsigned = BigInt.asUintN(64, signed);
    const fits = fact.smin <= signed && signed <= fact.smax;
    if (fits && fact.umin <= unsigned && unsigned <= fact.umax) continue;
    return `r${n} is ${signed}, not ${fact.smin} to ${fact.smax}`;
  }
  return undefined;
}

/** Runs a program some times; gives the share of registers something was known of. */
function checkRuns(code: Code, facts: InsnFacts, random: () => number, runs: number): number {
  let known = 0;
  let all = 0;
  for (let run = 0; run < runs; run++) {
    let before = -1;
    runConcrete(code, random, (insn, words) => {
      const jump = before >= 0 ? facts.branch(before) : undefined;
      const jumped = insn !== before + 1;
      const wrongWay = (jump === 'always' && !jumped) || (jump === 'never' && jumped);
      const wrong = wrongWay ? `jump ${before}` : contradiction(facts, insn, words);
      if (wrong) throw new Error(`instruction ${insn}: ${wrong}\n${kernelListing(code)}`);
      // A jump to the next instruction says nothing.
      before = code.off[insn] === 0 ? -1 : insn;
      for (let n = 0; n < REGISTERS; n++) {
        all++;
        if (facts.register(insn, n)) known++;
      }
    });
  }
  return known / all;
}

describe('facts of instructions', () => {
  it('are not there unless asked for', () => {
    expect(verify(inputOf('r0 = 0\nexit'), profile).facts.insns).toBeUndefined();
  });

  it('tell the range of a register over all paths, and what is dead', () => {
    const facts = factsOfText(`
      call 7
      r6 = r0
      r6 &= 15
      r7 = 3
      if r6 > 9 goto +1
      r7 = 5
      if r7 > 5 goto +2
      r0 = r7
      exit
      r0 = 1
      exit`);
    const range = { smin: 3n, smax: 5n, umin: 3n, umax: 5n };
    expect(facts.register(6, 7)).toEqual({ kind: 'scalar', ...range });
    expect(facts.register(5, 6)).toMatchObject({ umin: 0n, umax: 9n });
    expect(facts.branch(4)).toBe('both');
    expect(facts.branch(6)).toBe('never');
    expect([8, 9, 10].map(facts.reached)).toEqual([true, false, false]);
    expect(facts.register(9, 0)).toBeUndefined();
    expect(facts.branch(0)).toBeUndefined();
  });

  it('tell pointers from numbers', () => {
    const facts = factsOfText(`
      r2 = r10
      call 7
      if r0 == 0 goto +1
      r6 = r10
      r0 = 0
      exit`);
    expect(facts.register(0, 1)).toEqual({ kind: 'pointer', types: ['ctx'], nullable: false });
    expect(facts.register(0, 3)).toEqual({ kind: 'unset' });
    expect(facts.register(1, 2)).toEqual({ kind: 'pointer', types: ['fp'], nullable: false });
  });

  it('say nothing of a value that decides nothing where paths were cut short', () => {
    const facts = factsOf(
      assemble(`
      call 7
      r6 = 1
      if r0 > 7 goto +1
      r6 = 100
      r7 = r6
      r7 += 1
      r8 = 4
      r0 = r8
      exit`).code,
      PRIVILEGED,
      BPF_F_TEST_STATE_FREQ,
    );
    expect(facts.register(7, 7)).toBeUndefined();
    expect(facts.register(7, 8)).toMatchObject({ umin: 4n, umax: 4n });
  });

  it.each([
    ['what was compared with such a value, and its links', 'r8', 8, LINKED_BY_COMPARISON],
    ['what was linked only on the path that was walked', 'r7', 8, LINKED_ON_ONE_PATH],
  ])('say nothing of %s (%s)', (_, register, insn, text) => {
    const { code } = assemble(text);
    const facts = factsOf(code, PRIVILEGED, BPF_F_TEST_STATE_FREQ);
    checkRuns(code, facts, randomSource(5), 300);
    expect(facts.register(insn, Number(register.slice(1)))).toBeUndefined();
    expect(facts.register(insn, 1)).toEqual({ kind: 'unset' });
  });

  it('hold in loops', () => {
    const { code } = assemble(`
      r6 = 0
      r7 = 0
      call 7
      r0 &= 3
      r7 += r0
      r6 += 1
      if r6 < 10 goto -5
      r0 = r7
      exit`);
    const facts = factsOf(code);
    checkRuns(code, facts, randomSource(3), 20);
    expect(facts.register(7, 6)).toMatchObject({ umin: 10n, umax: 10n });
    expect(facts.branch(6)).toBe('both');
  });

  it('hold in functions that several calls share', () => {
    const facts = factsOfText(`
      r1 = 1
      call pc+4
      r1 = 9
      call pc+2
      r0 = 0
      exit
      r0 = r1
      exit`);
    expect(facts.register(6, 1)).toMatchObject({ umin: 1n, umax: 9n });
    expect(facts.register(6, 6)).toEqual({ kind: 'unset' });
  });
});

const CASES: readonly [string, VerifierCapabilities, number, number][] = [
  ['privileged', PRIVILEGED, 0, 11],
  ['privileged, with many checkpoints', PRIVILEGED, BPF_F_TEST_STATE_FREQ, 12],
  ['unprivileged', UNPRIVILEGED, 0, 13],
];

test.each(CASES)(
  '%s: no run contradicts the facts',
  { timeout: 60_000 * SCALE },
  (_, capabilities, flags, seed) => {
    const random = randomSource(seed);
    const programs = 60 * SCALE;
    let known = 0;
    for (let i = 0; i < programs; i++) {
      // Linux 6.12 itself is wrong about sign-extending fills (see alu.test.ts), and so are we.
      const code = randomProgram(random, 40, 9, false);
      known += checkRuns(code, factsOf(code, capabilities, flags), random, 30);
    }
    expect(known / programs).toBeGreaterThan(0.6);
    expect(known / programs).toBeLessThan(1);
  },
);
