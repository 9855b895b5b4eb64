import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import {
  loadKernelProfile,
  verifierInput,
  verify,
  VisitRecorder,
} from '../../src/verifier/index.ts';

const object = parseObject(readFileSync('examples/studio/unchecked.bpf.o'));
const kernel = await loadKernelProfile({ types: 'slim' });
const input = verifierInput(object, object.programs[0]!, kernel);

function recorded(limits = {}) {
  const visits = new VisitRecorder(limits);
  const result = verify(input, kernel, { observer: visits, logLevel: 2 });
  return { visits, result };
}

describe('visits of the verifier', () => {
  it('are what the log says at that place', () => {
    const { visits, result } = recorded();
    expect(result.ok).toBe(false);
    const [state] = visits.states(result.insn);
    expect(state).toContain('R0=map_value_or_null(id=1');
    expect(state).toContain('fp-8=mmmm');
    expect(visits.states(0)[0]).toBe(' R1=ctx() R10=fp0');
  });

  it('count what was never reached as none', () => {
    const { visits, result } = recorded();
    expect(visits.count(result.insn)).toBe(1);
    expect([visits.count(result.insn + 1), visits.states(result.insn + 1)]).toEqual([0, []]);
  });

  it('keep no more than asked, and change nothing', () => {
    const { visits, result } = recorded({ total: 2 });
    expect([0, 1, 2].map((insn) => visits.states(insn).length)).toEqual([1, 1, 0]);
    expect(visits.count(2)).toBe(1);
    expect(result.log).toBe(verify(input, kernel, { logLevel: 2 }).log);
  });
});
