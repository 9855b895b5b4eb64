/** Programs as Linux rewrites them after the walk. */
import { describe, expect, it } from 'vitest';
import { enums, loadKernelProfile, loadTargetKernel } from '../../src/abi/index.ts';
import {
  assemble,
  BPF_PSEUDO_MAP_FD,
  decodeCode,
  encodeCode,
  kernelListing,
} from '../../src/isa/index.ts';
import { type VerifierInput, type VerifierMap, verify } from '../../src/verifier/index.ts';

const profile = await loadKernelProfile();
const NONE = { bpf: false, perfmon: false, netAdmin: false, sysAdmin: false };

const ARRAY: VerifierMap = {
  name: 'numbers',
  type: enums.bpf_map_type.BPF_MAP_TYPE_ARRAY,
  keySize: 4,
  valueSize: 24,
  maxEntries: 5,
  flags: 0,
  extra: 0n,
  btf: undefined,
  keyTypeId: 0,
  valueTypeId: 0,
};

const OPTIONS = { xlated: true };

function input(text: string, rest: Partial<VerifierInput> = {}): VerifierInput {
  return {
    name: 'test',
    type: enums.bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS,
    expectedAttachType: 0,
    attachBtfId: 0,
    license: 'GPL',
    flags: 0,
    insns: encodeCode(assemble(text).code),
    maps: [],
    btf: undefined,
    functionInfo: [],
    lineInfo: [],
    ...rest,
  };
}

function rewritten(text: string, rest: Partial<VerifierInput> = {}, unprivileged = false) {
  const options = { xlated: true, ...(unprivileged ? { capabilities: NONE } : {}) };
  const { xlated, log, reason } = verify(input(text, rest), profile, options);
  if (!xlated) throw new Error(`rejected: ${reason?.text} ${log}`);
  return xlated;
}

/** Instructions without their numbers and opcodes. */
function textOf(xlated: ReturnType<typeof rewritten>): string[] {
  return kernelListing(decodeCode(xlated.insns))
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^ *\d+: \(..\) /, ''));
}

describe('a rewritten program', () => {
  it('is made only for those who ask, and only of accepted programs', () => {
    expect(verify(input('r0 = 0\nexit'), profile)).not.toHaveProperty('xlated');
    const bad = verify(input('r0 = r7\nexit'), profile, { xlated: true });
    expect([bad.ok, 'xlated' in bad]).toEqual([false, false]);
  });

  it('has no dead code, and no jumps over nothing', () => {
    const text = 'r6 = 1\nif r6 == 1 goto +2\nr0 = 7\nexit\nr0 = 0\nexit';
    const xlated = rewritten(text);
    expect(textOf(xlated)).toEqual(['r6 = 1', 'r0 = 0', 'exit']);
    expect([...xlated.origin]).toEqual([0, 4, 5]);
  });

  it('keeps dead code of programs without privileges as traps', () => {
    const type = enums.bpf_prog_type.BPF_PROG_TYPE_SOCKET_FILTER;
    const text = 'r6 = 1\nif r6 == 1 goto +1\nr0 = 7\nr0 = 0\nexit';
    const trapped = textOf(rewritten(text, { type }, true));
    expect(trapped[2]).toBe('goto pc-1');
    expect(trapped).toHaveLength(5);
  });

  it('loads fields of the context from the kernel’s structs', () => {
    const xlated = rewritten('r0 = *(u8 *)(r1 + 1)\nr0 = *(u32 *)(r1 + 40)\nexit');
    const text = textOf(xlated);
    // Second byte of len, then dev->ifindex.
    expect(text.slice(1, 3)).toEqual(['w0 >>= 8', 'w0 &= 255']);
    expect(text[3]).toBe('r0 = *(u64 *)(r1 +16)');
    expect(text[4]).toMatch(/^r0 = \*\(u32 \*\)\(r0 \+\d+\)$/);
    expect([...xlated.origin]).toEqual([0, 0, 0, 1, 1, 2]);
  });

  it('is the same by the slim types, where those tell', async () => {
    const slim = await loadKernelProfile({ types: 'slim' });
    const text = 'r0 = *(u32 *)(r1 + 48)\nr2 = *(u16 *)(r1 + 20)\nexit';
    const [one, other] = [profile, slim].map((kernel) => verify(input(text), kernel, OPTIONS));
    expect(one!.xlated!.insns).toEqual(other!.xlated!.insns);
    expect(() => verify(input('call 8\nexit'), slim, OPTIONS)).toThrow(/no pcpu_hot/);
  });

  it('is not made by the rules of other kernels', async () => {
    const older = await loadTargetKernel('6.1');
    expect(verify(input('r0 = 0\nexit'), older, OPTIONS)).not.toHaveProperty('xlated');
  });

  it('gets its own copy of the packet before it writes to it', () => {
    const text =
      'r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 1\n' +
      'if r4 > r3 goto +1\n*(u8 *)(r2 + 0) = 1\nr0 = 0\nexit';
    const xlated = rewritten(text);
    expect(xlated.calls.get(5)).toBe('bpf_skb_pull_data');
    expect(textOf(xlated)[2]).toBe('if r6 == 0x0 goto pc+7');
  });

  it('divides by zero as BPF says', () => {
    const text = textOf(rewritten('r0 = *(u32 *)(r1 + 0)\nr2 = r0\nr0 /= r2\nexit'));
    expect(text.slice(2)).toEqual([
      'if r2 != 0x0 goto pc+2',
      'w0 ^= w0',
      'goto pc+1',
      'r0 /= r2',
      'exit',
    ]);
  });

  it('looks up elements of arrays in place', () => {
    const text = '*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = 0 ll\ncall 1\nr0 = 0\nexit';
    const insns = encodeCode(assemble(text).code);
    insns[3 * 8 + 1] = (BPF_PSEUDO_MAP_FD << 4) | 1;
    const xlated = rewritten(text, { insns, maps: [ARRAY] });
    expect(xlated.calls.size).toBe(0);
    const lines = textOf(xlated);
    expect(lines).toContain('if r0 >= 0x5 goto pc+3');
    expect(lines).toContain('r0 *= 24');
    expect(decodeCode(xlated.insns).imm[3]).toBe(1);
    expect(xlated.maps).toEqual([ARRAY]);
  });

  it('calls functions by number and distance', () => {
    const xlated = rewritten('call pc+1\nexit\nr0 = 0\nexit');
    const code = decodeCode(xlated.insns);
    expect([code.off[0], code.imm[0]]).toEqual([1, 1]);
    expect(xlated.subprograms.map(({ start }) => start)).toEqual([0, 2]);
  });

  it('has source lines where their code has gone', () => {
    const lineInfo = [0, 2, 3, 4].map((insn) => ({
      insn,
      file: 'a.c',
      text: `line ${insn};`,
      line: insn + 1,
      column: 1,
    }));
    const btf = profile.btf();
    const text = 'r6 = 1\nif r6 == 1 goto +1\nr0 = 7\nr0 = 0\nexit';
    const { lines } = rewritten(text, { lineInfo, btf });
    expect(lines.map(({ insn, line }) => [insn, line])).toEqual([
      [0, 1],
      [1, 4],
      [2, 5],
    ]);
  });
});
