import { describe, expect, it } from 'vitest';
import { Code, decodeCode, encodeCode, INSN_TABLE } from '../../src/isa/index.ts';
import { verify, type Xlated } from '../../src/verifier/index.ts';
import { inputOf, PRIVILEGED, profile, UNPRIVILEGED } from './programs.ts';

/** Random numbers that are the same in every run (xorshift). */
function numbers(seed: number) {
  let x = seed >>> 0;
  return (below: number): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

type Random = ReturnType<typeof numbers>;

const OPCODES = [...new Set(INSN_TABLE.map((info) => info.op))];
const CONSTANTS = [0, 1, -1, 2, 8, 16, 32, 64, 255, 256, 4096, 0x7fffffff, -0x80000000, -8];
const pick = (random: Random, from: readonly number[]): number => from[random(from.length)]!;

/** Any instructions at all. */
function noise(random: Random): Code {
  const code = new Code(1 + random(24));
  for (let i = 0; i < code.length; i++) {
    const op = random(8) ? pick(random, OPCODES) : random(256);
    code.set(i, op, random(12), random(12), random(40) - 20, pick(random, CONSTANTS));
  }
  return code;
}

/** A program that gets as far as the walk: registers are set, jumps stay inside, it ends. */
function sensible(random: Random): Code {
  const body = 8 + random(24);
  const code = new Code(body + 12);
  code.set(0, 0xbf, 6, 1, 0, 0);
  for (let reg = 0, i = 1; i < 10; i++, reg++) {
    if (reg === 6) reg++;
    if (random(4)) code.set(i, 0xb7, reg, 0, 0, pick(random, CONSTANTS));
    else code.set(i, 0xbf, reg, 10, 0, 0);
  }
  for (let i = 10; i < body + 10; i++) sensibleInsn(code, i, body + 10, random);
  code.set(body + 10, 0xb7, 0, 0, 0, 0);
  code.set(body + 11, 0x95, 0, 0, 0, 0);
  return code;
}

const ALU = [0xb7, 0x07, 0x17, 0x57, 0xb4, 0x04, 0x24, 0x54, 0x67, 0x77, 0xc7, 0xa7, 0x97];
const JUMPS = [0x15, 0x25, 0x35, 0x55, 0x65, 0x75, 0xa5, 0xc5, 0xd5, 0x45, 0x16, 0x26, 0x56];

function sensibleInsn(code: Code, i: number, end: number, random: Random): void {
  const dst = random(10);
  const src = random(10);
  const slot = -8 * (1 + random(8));
  const byRegister = random(2) * 8;
  const value = byRegister ? 0 : 1 + random(30);
  switch (random(4)) {
    case 0:
      code.set(i, pick(random, ALU) | byRegister, dst, byRegister ? src : 0, 0, value);
      break;
    case 1:
      code.set(i, pick(random, [0x7b, 0x63, 0x73, 0xdb]), 10, src, slot, 0);
      break;
    case 2:
      code.set(i, pick(random, [0x79, 0x61, 0x69, 0x71]), dst, random(3) ? 10 : 6, slot, 0);
      break;
    default: {
      // Mostly forward; the few loops end by the limit of the walk, or before.
      const target = random(30) ? i + random(end - i) : 10 + random(i - 9);
      const op = pick(random, JUMPS) | byRegister;
      code.set(i, op, dst, byRegister ? src : 0, target - i, value);
    }
  }
}

function verdictOf(code: Code, random: Random): string {
  const flags = [0, 1, 128][random(3)]!;
  const input = inputOf('exit', { insns: encodeCode(code), flags, type: pick(random, [1, 6]) });
  const { ok, reason, errnoName, xlated } = verify(input, profile, {
    capabilities: random(3) ? PRIVILEGED : UNPRIVILEGED,
    logLevel: random(8) ? 0 : 1,
    stateMemory: 1 << 26,
    xlated: true,
  });
  expect(xlated !== undefined).toBe(ok);
  if (xlated) expect(strayJumps(xlated)).toEqual([]);
  return ok ? 'ok' : (reason?.code ?? errnoName);
}

/** Jumps of a rewritten program that leave it. */
function strayJumps({ insns }: Xlated): number[] {
  const { op, off, length } = decodeCode(insns);
  const isJump = (code: number) => [5, 6].includes(code & 7) && ![0x80, 0x90].includes(code & 0xf0);
  return Array.from(op.keys()).filter((i) => {
    const target = i + 1 + off[i]!;
    return isJump(op[i]!) && (target < 0 || target >= length);
  });
}

describe('any bytes', () => {
  it('get an answer', () => {
    const random = numbers(0x5eed);
    const answers = new Set<string>();
    for (let i = 0; i < 3000; i++) answers.add(verdictOf(noise(random), random));
    expect(answers.size).toBeGreaterThan(8);
  });

  it('get an answer when they come far', { timeout: 120_000 }, () => {
    const random = numbers(0xbee);
    const answers = new Map<string, number>();
    for (let i = 0; i < 1500; i++) {
      const answer = verdictOf(sensible(random), random);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    expect(answers.get('ok')).toBeGreaterThan(20);
    expect(answers.size).toBeGreaterThan(20);
  });

  it('that are no whole instructions, or none, or too many are refused at once', () => {
    const answer = (bytes: number, capabilities = PRIVILEGED) =>
      verify(inputOf('exit', { insns: new Uint8Array(bytes) }), profile, { capabilities });
    expect(answer(13).errnoName).toBe('EINVAL');
    expect(answer(0).errnoName).toBe('E2BIG');
    expect(answer(4097 * 8, UNPRIVILEGED).errnoName).toBe('E2BIG');
  });

  it('cannot use more memory for states than they are given', () => {
    const input = inputOf(
      'r0 = 0\n r1 = 0\n again: r0 += 1\n if r0 < 100000000 goto again\n exit',
      {
        flags: 8,
      },
    );
    const { ok, errnoName, stats } = verify(input, profile, { stateMemory: 1 << 20 });
    expect(ok).toBe(false);
    expect(errnoName).toBe('ENOMEM');
    expect(stats.processed).toBeLessThan(5000);
  });
});
