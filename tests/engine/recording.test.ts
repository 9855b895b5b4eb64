import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StepState } from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { type Recording, Stepper } from '../../src/engine/interpreter/recording.ts';
import { Lab } from './harness.ts';

/** A loop in a subprogram and writes to the stack: 12 instructions a round. */
const LOOP = `
  r6 = 5000
  r7 = 0
again:
  r1 = r6
  call fn_add
  r7 += r0
  *(u64 *)(r10 - 8) = r7
  r6 += -1
  if r6 != 0 goto again
  r0 = *(u64 *)(r10 - 8)
  exit
fn_add:
  *(u64 *)(r10 - 16) = r1
  r0 = *(u64 *)(r10 - 16)
  r0 *= 3
  exit`;

interface Seen {
  readonly insn: number;
  readonly frame: number;
  readonly registers: readonly bigint[];
}

/** Every step of a run as `onStep` tells it. */
function stepped(text: string): Seen[] {
  const lab = new Lab();
  const seen: Seen[] = [];
  const onStep = (state: StepState) => {
    const registers = Array.from({ length: 11 }, (_, r) => state.register(r));
    seen.push({ insn: state.insn, frame: state.frame, registers });
  };
  lab
    .load({ name: 'interpreter', engine: interpreterEngine, checks: true }, text, { onStep })
    .run(lab.context);
  return seen;
}

function recorded(text: string): { recording: Recording; lab: Lab } {
  const lab = new Lab();
  const stepper = new Stepper();
  const side = { name: 'stepper', engine: stepper.engine, checks: true };
  const code = lab.load(side, text);
  return { recording: stepper.record(() => code.run(lab.context)), lab };
}

const stateAt = (recording: Recording, i: number): Seen => {
  const { insn, frame, registers } = recording.goTo(i)[0]!;
  return { insn, frame, registers };
};

describe('a recording', () => {
  const truth = stepped(LOOP);
  const { recording, lab } = recorded(LOOP);

  test('has every step', () => {
    expect(recording.length).toBe(truth.length);
    for (const i of [0, 1, 2, 20_000, truth.length - 1]) {
      expect(recording.step(i)).toMatchObject({ insn: truth[i]!.insn, frame: truth[i]!.frame });
    }
  });

  test('goes to any step, in any order, with the registers there', () => {
    const step = fc.nat(truth.length - 1);
    fc.assert(
      fc.property(step, (i) => {
        expect(stateAt(recording, i)).toEqual(truth[i]);
      }),
      { numRuns: 60 },
    );
  });

  test('gives all open frames, and memory as it was', () => {
    const at = truth.findIndex(({ insn, frame }, i) => i > 30_000 && frame === 1 && insn > 11);
    const frames = recording.goTo(at);
    expect(frames.map(({ frame }) => frame)).toEqual([1, 0]);
    const caller = frames[1]!;
    const stack = Number(caller.registers[10]! & 0xffff_ffffn);
    const sum = lab.runtime.view().getBigUint64(stack - 8, true);
    expect(sum).toBe(caller.registers[7]);
  });

  test('scans: asks at each step, with registers, and stops there', () => {
    const visits: number[] = [];
    const found = recording.scan(25_000, recording.length, (i, register) => {
      visits.push(i);
      return register(6) === 1n;
    });
    expect(found).toBe(truth.findIndex(({ registers }, i) => i >= 25_000 && registers[6] === 1n));
    expect(visits[0]).toBe(25_000);
    expect(visits.length).toBe(found - 25_000 + 1);
    expect(recording.scan(0, 10, () => false)).toBe(-1);
  });

  test('brings the machine back to the end', () => {
    recording.goTo(7);
    recording.finish();
    expect(recording.position).toBeUndefined();
    const again = recorded(LOOP);
    expect(again.recording.length).toBe(recording.length);
  });

  test('refuses steps that are not there', () => {
    expect(() => recording.goTo(recording.length)).toThrow(RangeError);
    expect(() => recording.goTo(-1)).toThrow(RangeError);
  });
});

test('a run that faults is recorded up to there, and says why', () => {
  const { recording } = recorded('r1 = 0\nr0 = *(u8 *)(r1 + 0)\nexit');
  expect(recording.length).toBe(2);
  expect(String(recording.failure)).toContain('bad pointer');
  expect(stateAt(recording, 1).registers[1]).toBe(0n);
});

test('random programs: each step is as onStep tells it', () => {
  const op = fc.constantFrom('+=', '-=', '*=', '|=', '^=', '&=', '<<=', '=');
  const line = fc
    .tuple(
      fc.nat(5),
      op,
      fc.oneof(
        fc.nat(5).map((r) => `r${r}`),
        fc.integer({ min: -99, max: 99 }).map(String),
      ),
    )
    .map(([dst, what, value]) => `r${dst} ${what} ${value}`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), fc.nat(30), (lines, rounds) => {
      const text = [
        `r6 = ${rounds}`,
        'again:',
        ...lines,
        'if r6 == 0 goto done',
        'r6 += -1',
        'goto again',
        'done:',
        'exit',
      ].join('\n');
      const truth = stepped(text);
      const { recording } = recorded(text);
      expect(recording.length).toBe(truth.length);
      for (const i of [0, truth.length >> 1, truth.length - 1]) {
        expect(stateAt(recording, i)).toEqual(truth[i]);
      }
    }),
    { numRuns: 25 },
  );
});
