import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assemble, encodeCode, isConditional } from '../../src/isa/index.ts';
import { parseObject } from '../../src/object/index.ts';
import {
  loadKernelProfile,
  verifierInput,
  verify,
  VisitRecorder,
  WALK_KEPT,
  WALK_PRUNED,
  WalkRecorder,
} from '../../src/verifier/index.ts';

const kernel = await loadKernelProfile({ types: 'slim' });
const path = 'examples/typed-import/ratelimit.bpf.o';
const object = parseObject(readFileSync(path));
const input = verifierInput(object, object.programs[0]!, kernel);

function walked(limits = {}) {
  const walk = new WalkRecorder(limits);
  return { walk, result: verify(input, kernel, { observer: walk }) };
}

const count = (marks: Uint8Array, bit: number): number =>
  marks.reduce((sum, mark) => sum + (mark & bit ? 1 : 0), 0);

describe('the walk of the verifier, recorded', () => {
  it('has each instruction that was processed, and each state that was kept', () => {
    const { walk, result } = walked();
    expect(result.ok).toBe(true);
    expect(walk.length).toBe(result.stats.processed);
    expect(count(walk.marks.subarray(0, walk.length), WALK_KEPT)).toBe(result.stats.totalStates);
  });

  it('says where paths come from: a branch, or the start of a function', () => {
    const { walk } = walked();
    expect(walk.paths[0]).toEqual({ start: 0, from: -1 });
    expect(walk.paths.length).toBeGreaterThan(2);
    for (const { start, from } of walk.paths.slice(1)) {
      expect(from).toBeLessThan(start);
      expect(isConditional(input.insns[walk.insns[from]! * 8]!)).toBe(true);
    }
  });

  it('names the state that covers the one of a path that is pruned', () => {
    const { walk } = walked({ from: 0, to: 10_000 });
    const pruned = [...walk.marks.keys()].filter((at) => walk.marks[at]! & WALK_PRUNED);
    expect(pruned.length).toBeGreaterThan(0);
    for (const at of pruned) {
      const other = walk.others[at]!;
      expect(walk.insns[other]).toBe(walk.insns[at]);
      expect(walk.marks[other]! & WALK_KEPT).toBe(WALK_KEPT);
      expect(walk.text(at)).toMatch(/^ (R\d|frame)/);
    }
  });

  it('counts the states that did not cover, in a loop that is unrolled', () => {
    const { code } = assemble('r1 = 0\nagain: r1 += 1\nif r1 < 90 goto again\nr0 = 0\nexit');
    const walk = new WalkRecorder();
    const insns = encodeCode(code);
    const result = verify({ ...input, insns, maps: [], lineInfo: [], functionInfo: [] }, kernel, {
      observer: walk,
    });
    expect(result.ok).toBe(true);
    expect(walk.misses.some((misses) => misses > 0)).toBe(true);
  });

  it('writes down the states of the positions that are wanted, as visits have them', () => {
    const visits = new VisitRecorder();
    verify(input, kernel, { observer: visits });
    const { walk } = walked({ from: 2, to: 4 });
    expect([0, 1, 2, 3, 4].map((at) => walk.text(at) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    expect(walk.text(2)).toBe(visits.states(walk.insns[2]!)[0]);
  });
});
