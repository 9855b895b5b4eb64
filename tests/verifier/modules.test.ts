import { describe, expect, it } from 'vitest';
import { enums, findKernelType } from '../../src/abi/index.ts';
import type { BtfComposite } from '../../src/btf/index.ts';
import { assemble, decodeCode, encodeCode } from '../../src/isa/index.ts';
import type { VerifierInput, VerifyResult } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { inputOf, profile } from './programs.ts';

const { bpf_prog_type: programs, bpf_attach_type: attach } = enums;
const PSEUDO_KFUNC_CALL = 2;

const said = ({ ok, errnoName, reason }: VerifyResult): string =>
  ok ? 'ok' : `${errnoName}: ${reason?.text ?? ''}`;

/** A name that calls 'name@place' take: its id in the BTF of the module that has it. */
const idOf = (name: string): number => findKernelType(profile, 'func', name)!.id;

/** Programs with calls `kfunc NAME@PLACE`: a kernel function, and the place of its module. */
function inputWith(text: string, more: Partial<VerifierInput> = {}): VerifierInput {
  const calls: { id: number; place: number }[] = [];
  const plain = text.replace(/kfunc (\w+)@(-?\d+)/g, (_, name: string, place: string) => {
    calls.push({ id: idOf(name), place: Number(place) });
    return `call ${1000 + calls.length - 1}`;
  });
  const code = decodeCode(encodeCode(assemble(plain).code));
  for (let i = 0; i < code.length; i++) {
    const call = code.op[i] === 0x85 ? calls[code.imm[i]! - 1000] : undefined;
    if (call) code.set(i, 0x85, 0, PSEUDO_KFUNC_CALL, call.place, call.id);
  }
  return inputOf('r0 = 0; exit', {
    type: programs.BPF_PROG_TYPE_XDP,
    modules: ['nf_conntrack'],
    insns: encodeCode(code),
    ...more,
  });
}

const answer = (text: string, more: Partial<VerifierInput> = {}): string =>
  said(verify(inputWith(text, more), profile));

const RELEASE_NULL = 'r1 = 0; kfunc bpf_ct_release@1; r0 = 0; exit';

describe('functions of modules', () => {
  it('are named by the place of the module and an id in its BTF', () => {
    const result = verify(inputWith(RELEASE_NULL), profile, { logLevel: 2 });
    expect(said(result)).toBe('EACCES: Possibly NULL pointer passed to trusted arg0');
    expect(result.log).toContain(`call bpf_ct_release#${idOf('bpf_ct_release')}`);
  });

  it('are refused to programs they are not registered for', () => {
    expect(answer(RELEASE_NULL, { type: programs.BPF_PROG_TYPE_KPROBE })).toBe(
      'EACCES: calling kernel function bpf_ct_release is not allowed',
    );
  });

  it('need a module at the place', () => {
    const missing = 'failed to find BTF for kernel function';
    expect(answer(RELEASE_NULL, { modules: [] })).toBe(`EPROTO: ${missing}`);
    const text = (place: number) => RELEASE_NULL.replace('@1', `@${place}`);
    expect(answer(text(2))).toBe(`EBADF: ${missing}`);
    expect(answer(text(-1))).toBe(`EINVAL: ${missing}`);
    // In another module the id means something else.
    expect(answer(RELEASE_NULL, { modules: ['tcp_dctcp'] })).toBe(
      `EINVAL: kernel btf_id ${idOf('bpf_ct_release')} is not a function`,
    );
  });
});

/** Looks a connection up; `rest` starts with it, or NULL, in r0. */
const LOOKUP = `
  r2 = 0; *(u64 *)(r10 - 8) = r2; *(u64 *)(r10 - 16) = r2;
  *(u64 *)(r10 - 24) = r2; *(u64 *)(r10 - 32) = r2;
  r2 = r10; r2 += -16; r3 = 12; r4 = r10; r4 += -32; r5 = 12;
  kfunc bpf_xdp_ct_lookup@1; if r0 == 0 goto end;`;
const RELEASE = 'r1 = r0; kfunc bpf_ct_release@1; end: r0 = 0; exit';

describe('objects of modules', () => {
  const connection = findKernelType(profile, 'struct', 'nf_conn')!;
  const struct = connection.btf.type(connection.id) as BtfComposite;
  const offsetOf = (name: string): number =>
    struct.members.find((member) => member.name === name)!.bitOffset / 8;

  it('are acquired and released', () => {
    expect(answer(LOOKUP + RELEASE)).toBe('ok');
    expect(answer(`${LOOKUP} end: r0 = 0; exit`)).toMatch(
      /^EINVAL: Unreleased reference id=\d+ alloc_insn=\d+$/,
    );
  });

  it('have the type the module declares', () => {
    const { log } = verify(inputWith(LOOKUP + RELEASE), profile, { logLevel: 2 });
    expect(log).toMatch(/R0(_w)?=ptr_or_null_nf_conn\(id=\d+,ref_obj_id=\d+\)/);
    const load = `r1 = *(u32 *)(r0 + ${offsetOf('status')});`;
    expect(answer(LOOKUP + load + RELEASE)).toBe('ok');
  });

  it('are written to where the module lets programs', () => {
    const mark = offsetOf('mark');
    const store = (size: string, off: number) =>
      answer(`${LOOKUP} *(${size} *)(r0 + ${off}) = 1; ${RELEASE}`);
    expect(store('u32', mark)).toBe('ok');
    expect(store('u64', mark)).toBe(
      `EACCES: write access at off ${mark} with size 8 beyond the member of nf_conn ended at ${mark + 4}`,
    );
    expect(store('u32', mark - 4)).toBe(`EACCES: no write support to nf_conn at off ${mark - 4}`);
  });
});

describe('attach targets in modules', () => {
  const target = findKernelType(profile, 'func', 'nf_conntrack_in')!;
  const tracing = {
    type: programs.BPF_PROG_TYPE_TRACING,
    expectedAttachType: attach.BPF_TRACE_FENTRY,
    attachBtfId: target.id,
  };

  it('have arguments of the types in its BTF', () => {
    const input = inputWith('r6 = *(u64 *)(r1 + 0); r0 = 0; exit', {
      ...tracing,
      attachModule: 'nf_conntrack',
    });
    const result = verify(input, profile, { logLevel: 2 });
    expect(said(result)).toBe('ok');
    expect(result.log).toMatch(/R6_w=ptr_\w+\(\)/);
  });

  it('are not in the BTF of the kernel', () => {
    expect(answer('r0 = 0; exit', tracing)).toBe(`EINVAL: attach_btf_id ${target.id} is invalid`);
  });
});
