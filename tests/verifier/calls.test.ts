/** Calls of helpers: arguments, references, locks, dynptrs, results. */
import { describe, expect, it } from 'vitest';
import { constants, helperId } from '../../src/abi/index.ts';
import { assemble, encodeCode, LD_IMM64 } from '../../src/isa/index.ts';
import type { VerifierInput, VerifierMap } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { BtfBuilder } from '../btf/build.ts';
import { inputOf, profile } from './programs.ts';

const { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_XDP } = constants;

const map = (name: string, type: number, more: Partial<VerifierMap> = {}): VerifierMap => ({
  name,
  type,
  keySize: 4,
  valueSize: 16,
  maxEntries: 4,
  flags: 0,
  extra: 0n,
  btf: undefined,
  keyTypeId: 0,
  valueTypeId: 0,
  ...more,
});

const builder = new BtfBuilder();
const word = builder.int('unsigned int', 4);
const lock = builder.struct('bpf_spin_lock', 4, [['val', word, 0]]);
const locked = builder.struct('locked', 16, [
  ['a', word, 0],
  ['lock', lock, 32],
]);
const btf = builder.parse();

/** Maps of every program here; a text names them, as in `r1 = hash ll`. */
const MAPS = [
  map('hash', constants.BPF_MAP_TYPE_HASH),
  map('ring', constants.BPF_MAP_TYPE_RINGBUF, { keySize: 0, valueSize: 0, maxEntries: 4096 }),
  map('progs', constants.BPF_MAP_TYPE_PROG_ARRAY, { valueSize: 4 }),
  map('locks', constants.BPF_MAP_TYPE_ARRAY, { btf, keyTypeId: word, valueTypeId: locked }),
  map('text', constants.BPF_MAP_TYPE_ARRAY, {
    maxEntries: 1,
    flags: constants.BPF_F_RDONLY_PROG,
    constantValue: new TextEncoder().encode('%d and %s\0\0\0\0\0\0\0'),
  }),
];

const HELPER = { helper: (name: string) => helperId(name) };
const KEY = 'r2 = r10; r2 += -8; *(u64 *)(r2 + 0) = 0;';
const LOOKUP = `${KEY} r1 = hash ll; call bpf_map_lookup_elem; if r0 == 0 goto out;`;
const LOCKS = `${KEY} r1 = locks ll; call bpf_map_lookup_elem; if r0 == 0 goto out; r6 = r0;`;
const RESERVE = 'r1 = ring ll; r2 = 8; r3 = 0; call bpf_ringbuf_reserve;';

function answer(text: string, more: Partial<VerifierInput> = {}): string {
  let source = text;
  MAPS.forEach(({ name }, i) => {
    source = source.replaceAll(`= ${name} ll`, `= ${0x6d617000 + i} ll`);
  });
  const { code } = assemble(source, HELPER);
  for (let i = 0; i < code.length; i++) {
    const index = code.imm[i]! - 0x6d617000;
    if (code.op[i] !== LD_IMM64 || index < 0 || index >= MAPS.length) continue;
    code.set(i, LD_IMM64, code.dst[i]!, 1, 0, index);
  }
  const insns = encodeCode(code);
  const input = inputOf('exit', { insns, maps: MAPS, type: BPF_PROG_TYPE_SCHED_CLS, ...more });
  const result = verify(input, profile);
  return result.ok ? 'ok' : `${result.errnoName}: ${result.reason?.text}`;
}

const END = 'out: r0 = 0; exit';

describe('whether a helper may be called', () => {
  it.each([
    ['ok', `call bpf_ktime_get_ns; ${END}`, {}],
    ['EINVAL: invalid func unknown#5000', `call 5000; ${END}`, {}],
    [
      'EINVAL: program of this type cannot use helper bpf_redirect#23',
      `r1 = 0; r2 = 0; call bpf_redirect; ${END}`,
      { type: BPF_PROG_TYPE_KPROBE },
    ],
    [
      'EINVAL: cannot call GPL-restricted function from non-GPL compatible program',
      `call bpf_get_current_task_btf; ${END}`,
      { license: 'Proprietary' },
    ],
    [
      'EINVAL: helper call might sleep in a non-sleepable prog',
      `r1 = r10; r1 += -8; r2 = 8; r3 = 0; call bpf_copy_from_user; ${END}`,
      { type: BPF_PROG_TYPE_KPROBE },
    ],
  ] as const)('%s', (expected, text, more) => {
    expect(answer(text, more)).toBe(expected);
  });
});

describe('arguments', () => {
  it.each([
    ['ok', `${LOOKUP} r1 = *(u64 *)(r0 + 8); ${END}`],
    [
      "EACCES: R0 invalid mem access 'map_value_or_null'",
      `${KEY} r1 = hash ll; call bpf_map_lookup_elem; r1 = *(u64 *)(r0 + 0); ${END}`,
    ],
    ['EACCES: R1 type=ctx expected=map_ptr', `${KEY} call bpf_map_lookup_elem; ${END}`],
    ['EACCES: R3 !read_ok', `${KEY} r1 = hash ll; call bpf_map_update_elem; ${END}`],
    [
      'EACCES: R2 invalid zero-sized read: u64=[0,0]',
      `r1 = r10; r1 += -8; r2 = 0; r3 = 0; r4 = 0; call bpf_strtol; ${END}`,
    ],
    [
      'EINVAL: cannot pass map_type 3 into func bpf_map_lookup_elem#1',
      `${KEY} r1 = progs ll; call bpf_map_lookup_elem; ${END}`,
    ],
    [
      'EACCES: write into map forbidden',
      `${KEY} r3 = r2; r3 += -8; *(u64 *)(r3 + 0) = 0; *(u64 *)(r2 + 0) = 0; r4 = 0;
       r1 = text ll; call bpf_map_update_elem; ${END}`,
    ],
  ])('%s', (expected, text) => {
    expect(answer(text)).toBe(expected);
  });

  it('may be packet pointers where the helper says so', () => {
    const text = `r9 = *(u32 *)(r1 + 0); r0 = *(u32 *)(r1 + 4); r3 = r9; r3 += 8;
      if r3 > r0 goto out; r1 = 0; r2 = 0; r3 = r9; r4 = 8; r5 = 0; call bpf_csum_diff; ${END}`;
    expect(answer(text, { type: BPF_PROG_TYPE_XDP })).toBe('ok');
    const size = text.replace('r4 = 8', 'r4 = 12');
    expect(answer(size, { type: BPF_PROG_TYPE_XDP })).toMatch(/^EACCES: R3 offset is outside/);
  });
});

describe('references', () => {
  it.each([
    ['ok', `${RESERVE} if r0 == 0 goto out; r1 = r0; r2 = 0; call bpf_ringbuf_submit; ${END}`],
    ['EINVAL: Unreleased reference id=2 alloc_insn=4', `${RESERVE} if r0 == 0 goto out; ${END}`],
    [
      'EACCES: R1 type=ringbuf_mem_or_null expected=ringbuf_mem',
      `${RESERVE} r1 = r0; r2 = 0; call bpf_ringbuf_submit; ${END}`,
    ],
    [
      "EACCES: R6 invalid mem access 'scalar'",
      `${RESERVE} if r0 == 0 goto out; r6 = r0; r1 = r0; r2 = 0; call bpf_ringbuf_submit;
       r0 = *(u64 *)(r6 + 0); ${END}`,
    ],
    [
      'EINVAL: R1 must have zero offset when passed to release func or trusted arg to kfunc',
      `${RESERVE} if r0 == 0 goto out; r1 = r0; r1 += 4; r2 = 0; call bpf_ringbuf_submit; ${END}`,
    ],
    [
      'EINVAL: tail_call would lead to reference leak',
      `r6 = r1; ${RESERVE} if r0 == 0 goto out; r1 = r6; r2 = progs ll; r3 = 0;
       call bpf_tail_call; ${END}`,
    ],
  ])('%s', (expected, text) => {
    expect(answer(text)).toBe(expected);
  });
});

describe('spin locks', () => {
  const TAKE = 'r1 = r6; r1 += 4; call bpf_spin_lock;';
  const GIVE = 'r1 = r6; r1 += 4; call bpf_spin_unlock;';
  it.each([
    ['ok', `${LOCKS} ${TAKE} r1 = *(u32 *)(r6 + 0); ${GIVE} ${END}`],
    [
      "EINVAL: off 8 doesn't point to 'struct bpf_spin_lock' that is at 4",
      `${LOCKS} r1 = r6; r1 += 8; call bpf_spin_lock; ${END}`,
    ],
    [
      'EINVAL: function calls are not allowed while holding a lock',
      `${LOCKS} ${TAKE} ${TAKE} ${END}`,
    ],
    ['EINVAL: bpf_spin_unlock without taking a lock', `${LOCKS} ${GIVE} ${END}`],
    [
      'EINVAL: bpf_spin_unlock of different lock',
      `${LOCKS} r7 = r6; ${LOCKS} ${TAKE} r1 = r7; r1 += 4; call bpf_spin_unlock; ${END}`,
    ],
    [
      "EINVAL: map 'hash' has to have BTF in order to use bpf_spin_lock",
      `${LOOKUP} r1 = r0; r1 += 4; call bpf_spin_lock; ${END}`,
    ],
    [
      'EINVAL: function calls are not allowed while holding a lock',
      `${LOCKS} ${TAKE} call bpf_ktime_get_ns; ${GIVE} ${END}`,
    ],
  ])('%s', (expected, text) => {
    expect(answer(text)).toBe(expected);
  });
});

describe('dynptrs', () => {
  const MAKE =
    'r1 = ring ll; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call bpf_ringbuf_reserve_dynptr;';
  const FREE = 'r1 = r10; r1 += -16; r2 = 0; call bpf_ringbuf_discard_dynptr;';
  const DATA = 'r1 = r10; r1 += -16; r2 = 0; r3 = 8; call bpf_dynptr_data;';
  it.each([
    ['ok', `${MAKE} ${FREE} ${END}`],
    ['ok', `${MAKE} ${DATA} if r0 == 0 goto free; r1 = *(u64 *)(r0 + 0); free: ${FREE} ${END}`],
    ['EINVAL: Unreleased reference id=2 alloc_insn=6', `${MAKE} ${END}`],
    ['EINVAL: arg 1 is an unacquired reference', `${MAKE} ${FREE} ${FREE} ${END}`],
    ['EINVAL: cannot overwrite referenced dynptr', `${MAKE} *(u64 *)(r10 - 8) = 0; ${FREE} ${END}`],
    ['EINVAL: Expected an initialized dynptr as arg #0', `*(u64 *)(r10 - 16) = 0; ${DATA} ${END}`],
    ['EINVAL: Dynptr has to be an uninitialized dynptr', MAKE.replace('-16', '-12') + END],
    [
      "EACCES: R6 invalid mem access 'scalar'",
      `${MAKE} ${DATA} if r0 == 0 goto free; r6 = r0; ${FREE} r0 = *(u64 *)(r6 + 0); exit;
       free: ${FREE} ${END}`,
    ],
  ])('%s', (expected, text) => {
    expect(answer(text)).toBe(expected);
  });
});

describe('constant strings', () => {
  const call = (values: number, more = '') =>
    `r1 = r10; r1 += -8; r2 = 8; r3 = text ll; ${more} ${KEY.replace('-8', '-32')}
     *(u64 *)(r10 - 24) = 0; r4 = r2; r2 = 8; r5 = ${values}; call bpf_snprintf; ${END}`;
  const LOOK_UP_TEXT = `${KEY} r1 = text ll; call bpf_map_lookup_elem; if r0 == 0 goto out; r3 = r0;`;
  const found = (values: number) =>
    `${LOOK_UP_TEXT} r1 = r10; r1 += -8; r2 = 8; r4 = r10; r4 += -32; *(u64 *)(r4 + 0) = 0;
     *(u64 *)(r4 + 8) = 0; r5 = ${values}; call bpf_snprintf; ${END}`;
  it('must be values of maps that can never change', () => {
    expect(answer(call(16))).toBe('EACCES: R3 type=map_ptr expected=map_value');
    expect(answer(found(16).replace('text ll', 'hash ll'))).toBe(
      "EACCES: R3 does not point to a readonly map'",
    );
  });

  it('must fit the values given', () => {
    expect(answer(found(16))).toBe('ok');
    expect(answer(found(8))).toBe('EINVAL: Invalid format string');
  });
});
