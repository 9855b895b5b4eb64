import { describe, expect, it } from 'vitest';
import { assemble, decodeCode, encodeCode } from '../../src/isa/index.ts';
import type { Code } from '../../src/isa/index.ts';
import { enums } from '../../src/abi/index.ts';
import type { VerifierInput, VerifierMap, VerifyResult } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { fixture } from '../fixtures/read.ts';
import { parseObject } from '../../src/object/index.ts';
import { verifierInput } from '../../src/verifier/input.ts';
import { BtfBuilder } from '../btf/build.ts';
import { inputOf, profile, UNPRIVILEGED } from './programs.ts';

const { bpf_map_type: maps, bpf_prog_type: programs, bpf_attach_type: attach } = enums;

/** Errno and last words. */
const said = ({ ok, errnoName, reason }: VerifyResult): string =>
  ok ? 'ok' : `${errnoName}: ${reason?.text ?? ''}`;

const answer = (text: string, more: Partial<VerifierInput> = {}): string =>
  said(verify(inputOf(text, more), profile));

/** The answer to instructions after some fields were changed by hand. */
function changed(
  text: string,
  change: (code: Code) => void,
  more: Partial<VerifierInput> = {},
): string {
  const code = decodeCode(encodeCode(assemble(text).code));
  change(code);
  return answer(text, { ...more, insns: encodeCode(code) });
}

const map = (type: number, more: Partial<VerifierMap> = {}): VerifierMap => ({
  name: 'm',
  type,
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: 0,
  extra: 0n,
  btf: undefined,
  keyTypeId: 0,
  valueTypeId: 0,
  ...more,
});

/** A load of map `index`, or of byte `offset` of its value, by hand. */
const loadOf =
  (source: number, index: number, offset = 0) =>
  (code: Code): void => {
    code.src[0] = source;
    code.imm[0] = index;
    code.imm[1] = offset;
  };
const LOAD = 'r1 = 0 ll; r0 = 0; exit';

describe('the first look at instructions', () => {
  it('takes no opcode that Linux does not know', () => {
    expect(changed('r0 = 0; exit', (code) => (code.op[0] = 0x8d))).toBe(
      'EINVAL: unknown opcode 8d',
    );
    expect(changed('r0 = 0; exit', (code) => (code.op[0] = 0x38))).toBe(
      'EINVAL: unknown opcode 38',
    );
  });

  it('takes no reserved fields', () => {
    const reserved = 'EINVAL: BPF_LDX uses reserved fields';
    const load = 'r0 = *(u32 *)(r1 + 0); exit';
    expect(changed(load, (code) => (code.imm[0] = 1))).toBe(reserved);
    expect(changed(load, (code) => (code.op[0] = 0xe1))).toBe(reserved);
  });

  it('wants both halves of a 64-bit load', () => {
    const half = 'EINVAL: invalid bpf_ld_imm64 insn';
    expect(changed(LOAD, (code) => (code.off[1] = 1))).toBe(half);
    expect(changed(LOAD, (code) => (code.src[1] = 1))).toBe(half);
    expect(changed(LOAD, (code) => (code.src[0] = 9))).toBe(
      'EINVAL: unrecognized bpf_ld_imm64 insn',
    );
    expect(changed(LOAD, loadOf(1, 0, 1), { maps: [map(maps.BPF_MAP_TYPE_HASH)] })).toBe(
      'EINVAL: unrecognized bpf_ld_imm64 insn',
    );
  });

  it('wants the map to be there', () => {
    expect(changed(LOAD, loadOf(1, 7))).toBe('EBADF: fd 7 is not pointing to valid bpf_map');
    expect(changed(LOAD, loadOf(1, 1))).toBe('EINVAL: fd 1 is not pointing to valid bpf_map');
    expect(changed(LOAD, loadOf(5, 0))).toBe('EPROTO: fd_idx without fd_array is invalid');
  });

  it('wants addresses in values to be in the one value of an array', () => {
    const array = { maps: [map(maps.BPF_MAP_TYPE_ARRAY)] };
    expect(changed(LOAD, loadOf(2, 0, 7), array)).toBe('ok');
    expect(changed(LOAD, loadOf(2, 0, 8), array)).toBe(
      'EINVAL: invalid access to map value pointer, value_size=8 off=8',
    );
    expect(changed(LOAD, loadOf(2, 0, 1 << 29), array)).toBe(
      `EINVAL: direct value offset of ${1 << 29} is not allowed`,
    );
    const two = { maps: [map(maps.BPF_MAP_TYPE_ARRAY, { maxEntries: 2 })] };
    expect(changed(LOAD, loadOf(2, 0, 0), two)).toBe(
      'ENOTSUPP: invalid access to map value pointer, value_size=8 off=0',
    );
    const hash = { maps: [map(maps.BPF_MAP_TYPE_HASH)] };
    expect(changed(LOAD, loadOf(2, 0, 0), hash)).toBe(
      'EINVAL: no direct value access support for this map type',
    );
  });

  it('looks whether map and program go together', () => {
    const sleepable = { type: programs.BPF_PROG_TYPE_SYSCALL, flags: 16 };
    expect(
      changed(LOAD, loadOf(1, 0), { ...sleepable, maps: [map(maps.BPF_MAP_TYPE_LPM_TRIE)] }),
    ).toBe('EINVAL: Sleepable programs can only use array, hash, ringbuf and local storage maps');
    expect(changed(LOAD, loadOf(1, 0), { maps: [map(maps.BPF_MAP_TYPE_STRUCT_OPS)] })).toBe(
      'EINVAL: bpf_struct_ops map cannot be used in prog',
    );
  });

  it('lets only the privileged use an arena, and one of them', () => {
    const arena = [map(maps.BPF_MAP_TYPE_ARENA), map(maps.BPF_MAP_TYPE_ARENA)];
    const code = decodeCode(encodeCode(assemble('r1 = 0 ll; r2 = 0 ll; r0 = 0; exit').code));
    code.src[0] = code.src[2] = 1;
    code.imm[2] = 1;
    const input = inputOf('exit', { insns: encodeCode(code), maps: arena });
    expect(said(verify(input, profile))).toBe('EBUSY: Only one arena per program');
    expect(said(verify(input, profile, { capabilities: UNPRIVILEGED }))).toBe(
      'EPERM: CAP_BPF and CAP_PERFMON are required to use arena',
    );
  });

  it('knows variables of the kernel by their ids', () => {
    const id = profile.btf().find('struct', 'task_struct')!;
    expect(changed(LOAD, loadOf(3, id))).toBe(
      `EINVAL: pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`,
    );
    expect(changed(LOAD, loadOf(3, 1 << 30))).toBe(
      `ENOENT: ldimm64 insn specifies invalid btf_id ${1 << 30}.`,
    );
    const runqueues = profile.btf().find('var', 'runqueues')!;
    expect(changed(LOAD, loadOf(3, runqueues))).toBe('ok');
  });
});

describe('types Linux does not take', () => {
  const inputFrom = (name: string) => {
    const object = parseObject(fixture(name));
    return verifierInput(object, object.programs[0]!, profile);
  };

  it('are left out, as libbpf does: the compiler kept 4 bytes of a bigger variable', () => {
    const { btf, functionInfo, lineInfo, maps: used } = inputFrom('types.bpf.o');
    expect({ btf, functionInfo, lineInfo }).toEqual({
      btf: undefined,
      functionInfo: [],
      lineInfo: [],
    });
    expect(used.every((one) => one.btf === undefined)).toBe(true);
    expect(inputFrom('counter.bpf.o').btf).toBeDefined();
  });
});

describe('func_info and line_info', () => {
  const types = new BtfBuilder();
  const int = types.int('int', 4, 1);
  const nothing = types.add('func_proto', '', 0);
  const number = types.add('func_proto', '', int);
  const main = types.add('func', 'main', number, 1);
  const other = types.add('func', 'other', number, 0);
  const silent = types.add('func', 'silent', nothing, 0);
  const btf = types.parse();
  const TWO = 'call f; exit; f: r0 = 0; exit';
  const infos = (...records: [number, number][]) => ({
    btf,
    functionInfo: records.map(([insn, typeId]) => ({ insn, typeId })),
  });

  it('say where functions are', () => {
    expect(answer(TWO, infos([0, main], [2, other]))).toBe('ok');
    expect(answer(TWO, infos([0, main]))).toBe(
      "EINVAL: number of funcs in func_info doesn't match number of subprogs",
    );
    expect(answer(TWO, infos([0, main], [3, other]))).toBe(
      "EINVAL: func_info BTF section doesn't match subprog layout in BPF program",
    );
    expect(answer(TWO, infos([1, main]))).toBe(
      'EINVAL: nonzero insn_off 1 for the first func info record',
    );
    expect(answer(TWO, infos([0, main], [0, other]))).toBe(
      'EINVAL: same or smaller insn offset (0) than previous func info record (0)',
    );
    expect(answer(TWO, infos([0, int]))).toBe(`EINVAL: invalid type id ${int} in func info`);
  });

  it('say whether a function that may end early returns a number', () => {
    const early = 'r6 = r1; call f; exit; f: r0 = *(u8 *)skb[0]; exit';
    expect(answer(early)).toBe('EINVAL: LD_ABS is not allowed in subprogs without BTF');
    expect(answer(early, infos([0, main], [3, silent]))).toBe(
      "EINVAL: LD_ABS is only allowed in functions that return 'int'.",
    );
  });

  it('begin every function and are in order', () => {
    const lines = (...insns: number[]) => ({
      ...infos([0, main], [2, other]),
      lineInfo: insns.map((insn) => ({ insn, file: 'a.c', text: 'x', line: 1, column: 1 })),
    });
    expect(answer(TWO, lines(0, 2))).toBe('ok');
    expect(answer(TWO, lines(0, 1))).toBe(
      'EINVAL: missing bpf_line_info for 1 funcs starting from func#1',
    );
    expect(answer(TWO, lines(0, 3))).toBe('EINVAL: missing bpf_line_info for func#1');
    expect(answer(TWO, lines(0, 0))).toBe(
      'EINVAL: Invalid line_info[1].insn_off:0 (prev_offset:0 prog->len:4)',
    );
    expect(answer(TWO, lines(0, 2, 4))).toBe(
      'EINVAL: Invalid line_info[2].insn_off:4 (prev_offset:2 prog->len:4)',
    );
  });
});

describe('what a program attaches to', () => {
  const kernel = profile.btf();
  const func = (name: string): number => kernel.find('func', name)!;
  const EXIT = 'r0 = 0; exit';
  const attached = (type: number, expectedAttachType: number, id: number, flags = 0): string =>
    answer(EXIT, { type, expectedAttachType, attachBtfId: id, flags });
  const tracing = (kind: number, id: number, flags = 0): string =>
    attached(programs.BPF_PROG_TYPE_TRACING, kind, id, flags);
  const SLEEPABLE = 16;

  it('must be a function for fentry and fexit', () => {
    expect(tracing(attach.BPF_TRACE_FENTRY, func('do_unlinkat'))).toBe('ok');
    expect(tracing(attach.BPF_TRACE_FENTRY, 0)).toBe(
      'EINVAL: Tracing programs must provide btf_id',
    );
    const struct = kernel.find('struct', 'task_struct')!;
    expect(tracing(attach.BPF_TRACE_FEXIT, struct)).toBe(
      `EINVAL: attach_btf_id ${struct} is not a function`,
    );
    expect(tracing(attach.BPF_TRACE_FEXIT, func('do_exit'))).toBe(
      'EINVAL: Attaching fexit/fmod_ret to __noreturn functions is rejected.',
    );
  });

  it('must be made for it where a return value is changed or a program sleeps', () => {
    const modify = attach.BPF_MODIFY_RETURN;
    expect(tracing(modify, func('security_file_open'))).toBe('ok');
    expect(tracing(modify, func('do_unlinkat'))).toBe('EINVAL: do_unlinkat() is not modifiable');
    expect(tracing(attach.BPF_TRACE_FENTRY, func('do_unlinkat'), SLEEPABLE)).toBe(
      'EINVAL: do_unlinkat is not sleepable',
    );
    expect(
      tracing(attach.BPF_TRACE_RAW_TP, kernel.find('typedef', 'btf_trace_sched_switch')!),
    ).toBe('ok');
    expect(tracing(attach.BPF_TRACE_RAW_TP, func('do_unlinkat'))).toBe(
      `EINVAL: attach_btf_id ${func('do_unlinkat')} is not a typedef`,
    );
  });

  it('must be a hook of the kernel for LSM programs', () => {
    const lsm = (id: number, flags = 0): string =>
      attached(programs.BPF_PROG_TYPE_LSM, attach.BPF_LSM_MAC, id, flags);
    expect(lsm(func('bpf_lsm_file_open'), SLEEPABLE)).toBe('ok');
    expect(lsm(func('bpf_lsm_getprocattr'))).toBe(
      `EINVAL: attach_btf_id ${func('bpf_lsm_getprocattr')} points to disabled hook bpf_lsm_getprocattr`,
    );
    expect(lsm(func('do_unlinkat'))).toBe(
      `EINVAL: attach_btf_id ${func('do_unlinkat')} points to wrong type name do_unlinkat`,
    );
  });

  it('must be an operation of a table the kernel has for struct_ops', () => {
    const table = kernel.find('struct', 'tcp_congestion_ops')!;
    const type = kernel.type(table);
    const members = type.kind === 'struct' ? type.members : [];
    const operation = (name: string, id = table): string =>
      attached(
        programs.BPF_PROG_TYPE_STRUCT_OPS,
        members.findIndex((member) => member.name === name),
        id,
      );
    expect(operation('init')).toBe('ok');
    expect(operation('get_info')).toBe(
      'ENOTSUPP: attach to unsupported member get_info of struct tcp_congestion_ops',
    );
    expect(operation('name')).toContain('EINVAL: attach to invalid member name(@idx ');
    const task = kernel.find('struct', 'task_struct')!;
    expect(operation('init', task)).toBe(
      `ENOTSUPP: attach_btf_id ${task} is not a supported struct`,
    );
  });

  it('may sleep only in some types', () => {
    expect(answer(EXIT, { flags: SLEEPABLE })).toBe(
      'EINVAL: Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    );
    expect(answer(EXIT, { type: programs.BPF_PROG_TYPE_SYSCALL })).toBe(
      'EINVAL: Syscall programs can only be sleepable',
    );
  });
});

describe('extensions', () => {
  const described = (name: string, args: readonly number[], linkage: number) => {
    const types = new BtfBuilder();
    const int = types.int('int', 4, 1);
    const skb = types.struct('__sk_buff', 4, [['len', int, 0]]);
    const pointer = types.add('ptr', '', skb);
    const kinds = [pointer, int];
    const params = args.flatMap((kind, i) => [types.string(`a${i}`), kinds[kind]!]);
    const proto = types.add('func_proto', '', int, args.length, params);
    const id = types.add('func', name, proto, linkage);
    return { id, btf: types.parse(), functionInfo: [{ insn: 0, typeId: id }] };
  };
  const target = (args: readonly number[], linkage = 1) => {
    const { id, ...more } = described('old', args, linkage);
    return {
      id,
      input: inputOf('r0 = 1; exit', { ...more, type: programs.BPF_PROG_TYPE_SCHED_CLS }),
    };
  };
  const replace = (text: string, args: readonly number[], { id, input } = target([0])): string => {
    const { btf, functionInfo } = described('new', args, 1);
    const type = programs.BPF_PROG_TYPE_EXT;
    const attachProgram = { input, btfId: id };
    return answer(text, { btf, functionInfo, type, attachBtfId: id, attachProgram });
  };

  it('have the prototype of what they replace', () => {
    expect(replace('r0 = *(u32 *)(r1 + 0); exit', [0])).toBe('ok');
    expect(replace('r0 = 0; exit', [0, 1])).toBe('EINVAL: new() has 2 args while old() has 1 args');
    expect(replace('r0 = 0; exit', [1])).toBe('EINVAL: arg0 in new() is INT while old() has PTR');
  });

  it('replace global functions', () => {
    expect(replace('r0 = 0; exit', [0], target([0], 0))).toBe(
      'EINVAL: old() is not a global function',
    );
  });

  it('do not change the packet where the original does not', () => {
    expect(replace('r2 = 0; call 39; r0 = 0; exit', [0])).toBe(
      'EINVAL: Extension program changes packet data, while original does not',
    );
  });

  it('go by the rules of the type they extend', () => {
    expect(replace('r0 = *(u64 *)(r1 + 0); exit', [0])).toBe(
      'EACCES: invalid bpf_context access off=0 size=8',
    );
  });
});
