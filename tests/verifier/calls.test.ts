import { describe, expect, it } from 'vitest';
import { enums } from '../../src/abi/index.ts';
import { decodeCode, encodeCode, assemble } from '../../src/isa/index.ts';
import type { VerifierInput, VerifyResult } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { BtfBuilder } from '../btf/build.ts';
import { inputOf, profile } from './programs.ts';

const { bpf_prog_type: programs, bpf_map_type: maps } = enums;

const ask = (text: string, more: Partial<VerifierInput> = {}): VerifyResult =>
  verify(inputOf(text, more), profile, { logLevel: 1 });
const said = ({ ok, errnoName, reason }: VerifyResult): string =>
  ok ? 'ok' : `${errnoName}: ${reason?.text ?? ''}`;
const answer = (text: string, more: Partial<VerifierInput> = {}): string => said(ask(text, more));

/** func_info for so many functions that return int: the first is global, the others static. */
function described(starts: readonly number[]): Partial<VerifierInput> {
  const types = new BtfBuilder();
  const int = types.int('int', 4, 1);
  const proto = types.add('func_proto', '', int);
  const ids = starts.map((_, i) => types.add('func', `f${i}`, proto, i === 0 ? 1 : 0));
  const functionInfo = starts.map((insn, i) => ({ insn, typeId: ids[i]! }));
  return { btf: types.parse(), functionInfo };
}

describe('calls of functions', () => {
  it('pass r1 to r5 and give back r0', () => {
    expect(answer('r1 = 5; call f; r0 &= 1; exit; f: r0 = r1; exit')).toBe('ok');
    expect(answer('call f; exit; f: r0 = r6; exit')).toBe('EACCES: R6 !read_ok');
    expect(answer('r1 = 5; call f; r0 = r1; exit; f: r0 = 0; exit')).toBe('EACCES: R1 !read_ok');
  });

  it('do not give back pointers into a stack', () => {
    expect(answer('call f; exit; f: r0 = r10; exit')).toBe(
      'EINVAL: cannot return stack pointer to the caller',
    );
  });

  it('nest eight deep', () => {
    const chain = (depth: number): string => {
      const functions = Array.from({ length: depth - 1 }, (_, i) =>
        i === depth - 2 ? `f${i}: r0 = 0; exit` : `f${i}: call f${i + 1}; exit`,
      );
      return ['call f0; exit', ...functions].join('\n');
    };
    expect(answer(chain(8))).toBe('ok');
    expect(answer(chain(9))).toBe('E2BIG: the call stack of 9 frames is too deep');
  });

  it('share 512 bytes of stack, each rounded up to 16', () => {
    const two = (outer: number, inner: number): string =>
      `*(u64 *)(r10 - ${outer}) = 0; call f; exit; f: *(u64 *)(r10 - ${inner}) = 0; r0 = 0; exit`;
    expect(answer(two(256, 256))).toBe('ok');
    expect(answer(two(248, 264))).toBe('EACCES: combined stack size of 2 calls is 528. Too large');
    expect(ask(two(40, 8)).stats.stackDepths).toEqual([40, 8]);
  });

  it('show both frames on entry and on return', () => {
    const { log } = verify(inputOf('r1 = 5; call f; exit; f: r0 = r1; exit'), profile, {
      logLevel: 2,
    });
    const lines = log.split('\n');
    expect(lines.filter((line) => /^(caller|callee|returning|to caller)/.test(line))).toEqual([
      'caller:',
      'callee:',
      'returning from callee:',
      'to caller at 2:',
    ]);
    expect(lines[lines.indexOf('callee:') + 1]).toBe(' frame1: R1_w=5 R10=fp0');
  });
});

describe('callbacks', () => {
  const LOOP = 'r1 = 9; r2 = f ll; r3 = r10; r4 = 0; call 181; r0 = 0; exit\n';
  const starts = [0, 8];

  it('return 0 or 1', () => {
    expect(answer(`${LOOP} f: r0 = 1; exit`, described(starts))).toBe('ok');
    expect(answer(`${LOOP} f: r0 = 2; exit`, described(starts))).toBe(
      'EINVAL: At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]',
    );
    expect(answer(`${LOOP} f: r0 = r2; exit`, described(starts))).toBe(
      'EINVAL: cannot return stack pointer to the caller',
    );
  });

  it('must be described, and static', () => {
    expect(answer(`${LOOP} f: r0 = 0; exit`)).toBe('EINVAL: missing btf func_info');
    const { btf, functionInfo } = described(starts);
    const global = functionInfo!.map((info) => ({ ...info, typeId: functionInfo![0]!.typeId }));
    expect(answer(`${LOOP} f: r0 = 0; exit`, { btf, functionInfo: global })).toBe(
      'EINVAL: callback function not static',
    );
  });

  it('put in place of bpf_loop need room for three registers', () => {
    const { stats } = ask(`${LOOP} f: r0 = 0; exit`, described(starts));
    expect(stats.stackDepths).toEqual([24, 0]);
  });

  it('do not end early', () => {
    const text = `${LOOP} f: r6 = r2; r0 = *(u8 *)skb[0]; exit`;
    expect(answer(text, described(starts))).toBe(
      'EINVAL: cannot use BPF_LD_[ABS|IND] within callback',
    );
  });

  it('visit elements of some maps only', () => {
    const map = (type: number) => ({
      name: 'm',
      type,
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
      flags: 0,
      extra: 0n,
      btf: undefined,
      keyTypeId: 0,
      valueTypeId: 0,
    });
    const each = (type: number): string => {
      const text = 'r1 = 0 ll; r2 = f ll; r3 = 0; r4 = 0; call 164; r0 = 0; exit\n f: r0 = 0; exit';
      const code = decodeCode(encodeCode(assemble(text).code));
      code.src[0] = 1;
      return answer(text, { ...described([0, 9]), insns: encodeCode(code), maps: [map(type)] });
    };
    expect(each(maps.BPF_MAP_TYPE_HASH)).toBe('ok');
    expect(each(maps.BPF_MAP_TYPE_LPM_TRIE)).toBe(
      'ENOTSUPP: callback function not allowed for map',
    );
  });
});

describe('the end of a program', () => {
  const type = programs.BPF_PROG_TYPE_CGROUP_DEVICE;

  it('leaves a value the hook takes', () => {
    expect(answer('r0 = 1; exit', { type })).toBe('ok');
    expect(answer('r0 = 2; exit', { type })).toBe(
      'EINVAL: At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]',
    );
    expect(answer('r0 = r1; exit', { type })).toBe(
      'EINVAL: At program exit the register R0 is not a known value (ctx)',
    );
    expect(answer('exit', { type })).toBe('EACCES: R0 !read_ok');
  });

  it('leaves nothing unreleased', () => {
    const lookup =
      '*(u64 *)(r10 - 16) = 0; *(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -16; r3 = 12; r4 = 0; r5 = 0; call 84\n';
    const tc = { type: programs.BPF_PROG_TYPE_SCHED_CLS };
    expect(answer(`${lookup} if r0 == 0 goto end; r1 = r0; call 86; end: r0 = 0; exit`, tc)).toBe(
      'ok',
    );
    expect(answer(`${lookup} r0 = 0; exit`, tc)).toBe(
      'EINVAL: Unreleased reference id=2 alloc_insn=7',
    );
    expect(answer(`r6 = r1; ${lookup} r0 = *(u8 *)skb[0]; exit`, tc)).toBe(
      'EINVAL: BPF_LD_[ABS|IND] cannot be mixed with socket references',
    );
  });

  it('may come early, in LD_ABS, and then means 0 for the caller', () => {
    const text =
      'r6 = r1; call f; if r0 == 0 goto end; r0 = r7; end: exit\n f: r6 = r1; r0 = *(u8 *)skb[0]; r0 = 7; exit';
    // The path on which the packet was too short goes on behind the call with r0 = 0.
    expect(answer(text, described([0, 5]))).toBe('EACCES: R7 !read_ok');
  });
});
