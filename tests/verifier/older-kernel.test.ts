/** What Linux 6.1 says otherwise than 6.12: one program for each of the larger differences. */
import { describe, expect, it } from 'vitest';
import { loadTargetKernel } from '../../src/abi/index.ts';
import { verify } from '../../src/verifier/verify.ts';
import { PRIVILEGED, inputOf } from './programs.ts';

const kernels = {
  '6.1': await loadTargetKernel('6.1'),
  '6.12': await loadTargetKernel('6.12'),
};

function answers(source: string): Record<string, string> {
  const entries = Object.entries(kernels).map(([name, profile]) => {
    const { ok, reason } = verify(inputOf(source), profile, { capabilities: PRIVILEGED });
    return [name, ok ? 'ok' : reason!.text];
  });
  return Object.fromEntries(entries);
}

function logOf(name: keyof typeof kernels, source: string): string {
  return verify(inputOf(source), kernels[name], { capabilities: PRIVILEGED, logLevel: 2 }).log;
}

describe('Linux 6.1', () => {
  it('ends calls that go round in the control flow graph', () => {
    expect(answers('call pc-1\nexit')).toEqual({
      '6.1': 'back-edge from insn 0 to 0',
      '6.12': expect.stringContaining('the call stack of 9 frames is too deep'),
    });
  });

  it('does not have the instructions of cpu=v4', () => {
    const { '6.1': old, '6.12': newest } = answers('r0 = 7\nr1 = 2\nr0 s/= r1\nexit');
    expect(newest).toBe('ok');
    expect(old).not.toBe('ok');
  });

  it('compares a range with a constant only', () => {
    const source = [
      'call 5', // bpf_ktime_get_ns
      'r6 = r0',
      'r6 &= 7',
      'call 5',
      'r0 &= 7',
      'r0 += 16',
      'if r6 > r0 goto +2',
      'r0 = 0',
      'exit',
      'r0 = r10',
      'r0 = *(u64 *)(r0 + 8)',
      'exit',
    ].join('\n');
    const { '6.1': old, '6.12': newest } = answers(source);
    expect(newest).toBe('ok');
    expect(old).toMatch(/invalid read from stack|R0 leaks|stack/);
  });

  it('tells backtracking and values in its own words', () => {
    const source = 'r1 = 1\nr2 = r10\nr2 += -8\n*(u64 *)(r2 + 0) = r1\nr0 = 0\nexit';
    expect(logOf('6.12', source)).toContain('R1=ctx() R10=fp0');
    expect(logOf('6.1', source)).toContain('R1=ctx(off=0,imm=0) R10=fp0');
  });
});
