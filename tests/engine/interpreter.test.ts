import { describe, expect, it } from 'vitest';
import { ProgramFaultError, ProgramStopped, type StepState } from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { imageOf, Lab } from './harness.ts';

const interpreter = { name: 'interpreter', engine: interpreterEngine, checks: true };

const PROGRAM = `
  r6 = 2
again:
  r1 = r6
  call fn_add
  r6 += -1
  if r6 != 0 goto again
  r2 = 0x100000002 ll
  exit
fn_add:
  r0 += r1
  exit`;

describe('step hook', () => {
  it('is called before every instruction, with registers and frame depth', () => {
    const lab = new Lab();
    const steps: [number, number, bigint][] = [];
    const onStep = (state: StepState) => {
      steps.push([state.insn, state.frame, state.register(6)]);
    };
    const code = lab.load(interpreter, PROGRAM, { onStep });
    expect(code.run(lab.context)).toBe(1);
    expect(steps).toEqual([
      [0, 0, 0n],
      [1, 0, 2n],
      [2, 0, 2n],
      [8, 1, 0n],
      [9, 1, 0n],
      [3, 0, 2n],
      [4, 0, 1n],
      [1, 0, 1n],
      [2, 0, 1n],
      [8, 1, 0n],
      [9, 1, 0n],
      [3, 0, 1n],
      [4, 0, 0n],
      [5, 0, 0n],
      [7, 0, 0n],
    ]);
  });

  it('stops the run when it returns true, with the registers as they are', () => {
    const lab = new Lab();
    const code = lab.load(interpreter, PROGRAM, { onStep: (state) => state.insn === 9 });
    let stopped: unknown;
    try {
      code.run(lab.context);
    } catch (error) {
      stopped = error;
    }
    expect(stopped).toBeInstanceOf(ProgramStopped);
    expect(stopped).not.toBeInstanceOf(ProgramFaultError);
    const { insn, frame, registers } = stopped as ProgramStopped;
    expect([insn, frame, registers[0], registers[1]]).toEqual([9, 1, 2n, 2n]);
    // The CPU is free again.
    expect(lab.load(interpreter, PROGRAM).run(lab.context)).toBe(1);
  });

  it('sees callbacks and the programs that tail calls go to, and no program without a hook', () => {
    const lab = new Lab();
    const seen: string[] = [];
    const hook = (name: string) => (state: StepState) => {
      seen.push(`${name}${state.insn}`);
    };
    lab.load(interpreter, 'r0 = 1\nexit').run(lab.context);
    const inner = lab.load(interpreter, 'r0 = 5\nexit', { onStep: hook('inner') });
    lab.runtime.setHostHelper(5, 0, (call) => call.returnInt(inner.run(lab.context)));
    const outer = lab.load(interpreter, 'call 5\nr0 += 1\nexit', { onStep: hook('outer') });
    expect(outer.run(lab.context)).toBe(6);
    expect(seen).toEqual(['outer0', 'inner0', 'inner1', 'outer1', 'outer2']);
  });

  it('and counts work together', () => {
    const lab = new Lab();
    let steps = 0;
    const code = lab.load(interpreter, PROGRAM, { profile: true, onStep: () => void steps++ });
    code.run(lab.context);
    expect([...code.counts()].reduce((a, b) => a + b)).toBe(steps);
  });

  it('does not change where faults are', () => {
    const lab = new Lab();
    const text = 'r0 = 0\nr0 = *(u8 *)(r1 + 100)\nexit';
    const code = lab.load(interpreter, text, { profile: true, onStep: () => false });
    expect(() => code.run(lab.context)).toThrow('at insn 1 (test.s:2: r0 = *(u8 *)(r1 + 100))');
  });
});

describe('interpreted code', () => {
  it('can be disposed of, twice', () => {
    const lab = new Lab();
    const code = lab.load(interpreter, imageOf('r0 = 1\nexit'));
    code.dispose();
    code.dispose();
    expect(lab.runtime.table.get(code.entry)).toBeNull();
  });

  it('runs on shared memory', async () => {
    const { createRuntime } = await import('../../src/runtime/index.ts');
    const runtime = createRuntime({ cpus: 2, shared: true });
    const context = runtime.allocate(64);
    const other = createRuntime({ cpus: 2, join: { memory: runtime.memory, cpu: 1 } });
    const image = imageOf(`
      r2 = 5
      r2 = atomic_fetch_add((u64 *)(r1 + 16), r2)
      r3 = 1
      lock *(u32 *)(r1 + 12) |= w3
      r0 = r2
      exit`);
    const first = interpreterEngine.load(image, runtime, { checks: true });
    const second = interpreterEngine.load(image, other, { checks: true });
    expect(first.run(context)).toBe(0);
    expect(second.run(context)).toBe(5);
    expect(first.run(context)).toBe(10);
  });
});
