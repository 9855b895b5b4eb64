/** Loads and stores: what passes, and the kernel's words for what does not. */
import { describe, expect, it } from 'vitest';
import { constants } from '../../src/abi/index.ts';
import { LD_IMM64, assemble, encodeCode } from '../../src/isa/index.ts';
import type { VerifierInput, VerifierMap } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { PRIVILEGED, UNPRIVILEGED, inputOf, profile } from './programs.ts';

const SCHED_CLS = constants.BPF_PROG_TYPE_SCHED_CLS;
const XDP = constants.BPF_PROG_TYPE_XDP;
const BPF_F_STRICT_ALIGNMENT = 1;

const array = (more: Partial<VerifierMap> = {}): VerifierMap => ({
  name: 'values',
  type: constants.BPF_MAP_TYPE_ARRAY,
  keySize: 4,
  valueSize: 48,
  maxEntries: 1,
  flags: 0,
  extra: 0n,
  btf: undefined,
  keyTypeId: 0,
  valueTypeId: 0,
  ...more,
});

/** `rN = 0xMAP ll` in a text loads the address of the first map, 0xVAL of its value. */
const MAP = 0x6d6170;
const VAL = 0x76616c;

function program(text: string, more: Partial<VerifierInput> = {}): VerifierInput {
  const { code } = assemble(text.replaceAll('MAP', `${MAP}`).replaceAll('VAL', `${VAL}`));
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] !== LD_IMM64) continue;
    if (code.imm[i] !== MAP && code.imm[i] !== VAL) continue;
    code.set(i, LD_IMM64, code.dst[i]!, code.imm[i] === MAP ? 1 : 2, 0, 0);
  }
  return inputOf('exit', { insns: encodeCode(code), maps: [array()], ...more });
}

function wordsOf(text: string, more: Partial<VerifierInput> = {}, capabilities = PRIVILEGED) {
  const options = { logLevel: 1, capabilities };
  const { ok, errnoName, log } = verify(program(text, more), profile, options);
  return ok ? 'ok' : `${errnoName}: ${lastWords(log)}`;
}

/** All lines the rejection said, in one. */
function lastWords(log: string): string {
  const lines = log.trimEnd().split('\n').slice(0, -1);
  const from = lines.findLastIndex((line) => /^\d+: \(/.test(line)) + 1;
  return lines.slice(from).join(' | ');
}

const unprivileged = (text: string) => wordsOf(text, {}, UNPRIVILEGED);

const LOOKUP = `
  r6 = 0
  *(u32 *)(r10 - 4) = r6
  r2 = r10
  r2 += -4
  r1 = MAP ll
  call 1
  if r0 != 0 goto found
  exit
found:`;
const DONE = '\n r0 = 0\n exit';

describe('the stack', () => {
  it.each([
    ['*(u64 *)(r10 - 8) = 1', 'ok'],
    ['*(u64 *)(r10 - 512) = 1', 'ok'],
    ['*(u64 *)(r10 - 520) = 1', 'EACCES: invalid write to stack R10 off=-520 size=8'],
    ['*(u8 *)(r10 + 0) = 1', 'EACCES: invalid write to stack R10 off=0 size=1'],
    ['r0 = *(u64 *)(r10 + 8)', 'EACCES: invalid read from stack R10 off=8 size=8'],
    ['*(u64 *)(r10 - 12) = 1', 'EACCES: misaligned stack access off 0+0+-12 size 8'],
    ['*(u64 *)(r10 - 8) = r10; r0 = *(u32 *)(r10 - 8)', 'EACCES: invalid size of register fill'],
    ['*(u32 *)(r10 - 8) = r10', 'EACCES: invalid size of register spill'],
    ['*(u64 *)(r10 - 8) = r1; r2 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r2 + 0)', 'ok'],
    ['*(u64 *)(r10 - 8) = r10; *(u8 *)(r10 - 8) = 1; r2 = *(u64 *)(r10 - 8)', 'ok'],
  ])('%s: %s', (text, words) => {
    expect(wordsOf(text + DONE)).toBe(words);
  });

  it('unprivileged, must be written before it is read', () => {
    expect(unprivileged(`r0 = *(u64 *)(r10 - 8)${DONE}`)).toBe(
      'EACCES: invalid read from stack R10 off=-8 size=8',
    );
    expect(unprivileged(`*(u32 *)(r10 - 8) = 1; r0 = *(u64 *)(r10 - 8)${DONE}`)).toBe(
      'EACCES: invalid read from stack off -8+4 size 8',
    );
    expect(unprivileged(`*(u64 *)(r10 - 8) = r1; *(u8 *)(r10 - 8) = 1${DONE}`)).toBe(
      'EACCES: attempt to corrupt spilled pointer on stack',
    );
    expect(unprivileged(`*(u64 *)(r10 - 8) = r1; lock *(u64 *)(r10 - 8) += r10${DONE}`)).toBe(
      'EACCES: R10 leaks addr into mem',
    );
  });

  it('keeps what is known of a spilled number', () => {
    const spill = `${LOOKUP}
      r1 = *(u8 *)(r0 + 0)
      if r1 > 40 goto end
      *(u64 *)(r10 - 16) = r1
      r2 = *(u64 *)(r10 - 16)
      r0 += r2`;
    expect(wordsOf(`${spill}; r3 = *(u64 *)(r0 + 0); end: r0 = 0; exit`)).toBe('ok');
    expect(wordsOf(`${spill}; r3 = *(u64 *)(r0 + 1); end: r0 = 0; exit`)).toBe(
      'EACCES: invalid access to map value, value_size=48 off=41 size=8 | ' +
        'R0 max value is outside of the allowed memory range',
    );
  });

  it('forgets it when part of it is overwritten', () => {
    const text = `${LOOKUP}
      r1 = 8
      *(u64 *)(r10 - 16) = r1
      *(u8 *)(r10 - 16) = 0
      r2 = *(u64 *)(r10 - 16)
      r0 += r2
      r3 = *(u8 *)(r0 + 0)${DONE}`;
    expect(wordsOf(text)).toBe(
      'EINVAL: math between map_value pointer and register with unbounded min value is not allowed',
    );
  });

  it('may be accessed at an offset that varies, within bounds', () => {
    const at = (store: string, mask: number) => `${LOOKUP}
      r1 = *(u32 *)(r0 + 0)
      r1 &= ${mask}
      r2 = r10
      r2 += -16
      r2 += r1
      ${store}${DONE}`;
    expect(wordsOf(at('*(u64 *)(r2 + 0) = 0; r3 = *(u64 *)(r2 + 0)', 8))).toBe('ok');
    expect(wordsOf(at('*(u64 *)(r2 + 0) = 0', 16))).toBe(
      'EINVAL: invalid variable-offset write to stack R2 var_off=(0x0; 0x10) off=-16 size=8',
    );
    expect(wordsOf(at('*(u64 *)(r2 + 0) = 0', 15))).toBe(
      'EACCES: misaligned stack access off (0x0; 0xf)+-16+0 size 8',
    );
  });
});

describe('the context', () => {
  it.each([
    ['r0 = *(u32 *)(r1 + 0)', SCHED_CLS, 'ok'],
    ['r0 = *(u8 *)(r1 + 0)', SCHED_CLS, 'ok'],
    ['r0 = *(u64 *)(r1 + 0)', SCHED_CLS, 'EACCES: invalid bpf_context access off=0 size=8'],
    ['*(u32 *)(r1 + 8) = 1', SCHED_CLS, 'ok'],
    ['*(u32 *)(r1 + 0) = 1', SCHED_CLS, 'EACCES: invalid bpf_context access off=0 size=4'],
    ['r0 = *(u32 *)(r1 + 24)', XDP, 'EACCES: invalid bpf_context access off=24 size=4'],
    [
      'r1 += 4; r0 = *(u32 *)(r1 + 0)',
      SCHED_CLS,
      'EACCES: dereference of modified ctx ptr R1 off=4 disallowed',
    ],
    [
      'lock *(u32 *)(r1 + 8) += w10',
      SCHED_CLS,
      'EACCES: BPF_ATOMIC stores into R1 ctx is not allowed',
    ],
  ])('%s in program type %i: %s', (text, type, words) => {
    expect(wordsOf(text + DONE, { type })).toBe(words);
  });
});

it('rejections carry their reason also when nothing is logged', () => {
  const { reason } = verify(program(`r0 = *(u64 *)(r1 + 0)${DONE}`), profile);
  expect(reason?.code).toBe('context.invalid_access');
  expect(reason?.args).toEqual([0, 8]);
});

describe('packets', () => {
  const packet = (text: string) => `
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 14
    if r4 > r3 goto end
    ${text}
  end:
    r0 = 2
    exit`;
  it.each([
    ['r0 = *(u8 *)(r2 + 13)', 'ok'],
    ['r0 = *(u64 *)(r2 + 6)', 'ok'],
    [
      'r0 = *(u64 *)(r2 + 7)',
      'EACCES: invalid access to packet, off=7 size=8, R2(id=0,off=7,r=14) | ' +
        'R2 offset is outside of the packet',
    ],
    [
      'r0 = *(u8 *)(r2 - 1)',
      'EACCES: invalid access to packet, off=-1 size=1, R2(id=0,off=-1,r=14) | ' +
        'R2 offset is outside of the packet',
    ],
    ['*(u8 *)(r2 + 0) = 1', 'ok'],
    ['r0 = *(u8 *)(r3 + 0)', "EACCES: R3 invalid mem access 'pkt_end'"],
    ['lock *(u32 *)(r2 + 0) += w4', 'EACCES: BPF_ATOMIC stores into R2 pkt is not allowed'],
  ])('%s: %s', (text, words) => {
    expect(wordsOf(packet(text), { type: XDP })).toBe(words);
  });

  it('strictly aligned, start two bytes before a word', () => {
    const flags = BPF_F_STRICT_ALIGNMENT;
    expect(wordsOf(packet('r0 = *(u32 *)(r2 + 2)'), { type: XDP, flags })).toBe('ok');
    expect(wordsOf(packet('r0 = *(u32 *)(r2 + 0)'), { type: XDP, flags })).toBe(
      'EACCES: misaligned packet access off 2+0+0+0 size 4',
    );
  });

  it('are not for every program to write', () => {
    const text = `
      r2 = *(u32 *)(r1 + 76)
      r3 = *(u32 *)(r1 + 80)
      r4 = r2
      r4 += 8
      if r4 > r3 goto end
      *(u8 *)(r2 + 0) = 1
    end:
      r0 = 0
      exit`;
    const type = constants.BPF_PROG_TYPE_LWT_IN;
    expect(wordsOf(text, { type })).toBe('EACCES: cannot write into packet');
  });
});

describe('map values', () => {
  it.each([
    ['r1 = *(u64 *)(r0 + 40)', 'ok'],
    [
      'r1 = *(u64 *)(r0 + 41)',
      'EACCES: invalid access to map value, value_size=48 off=41 size=8 | ' +
        'R0 min value is outside of the allowed memory range',
    ],
    [
      'r1 = *(u8 *)(r0 - 1)',
      'EACCES: invalid access to map value, value_size=48 off=-1 size=1 | ' +
        'R0 min value is outside of the allowed memory range',
    ],
    [
      'r1 = *(s8 *)(r0 + 0); if r1 s> 40 goto end; r0 += r1; r2 = *(u8 *)(r0 + 0)',
      'EACCES: R0 min value is negative, either use unsigned index or do a if (index >=0) check.',
    ],
    ['r1 = r10; *(u64 *)(r0 + 0) = r1', 'ok'],
    ['lock *(u64 *)(r0 + 0) += r6', 'ok'],
  ])('%s: %s', (text, words) => {
    expect(wordsOf(`${LOOKUP}\n${text}\nend: r0 = 0\nexit`)).toBe(words);
  });

  it('may be there for reading or writing only', () => {
    const maps = [array({ flags: constants.BPF_F_RDONLY_PROG })];
    expect(wordsOf(`${LOOKUP} *(u64 *)(r0 + 8) = 1${DONE}`, { maps })).toBe(
      'EACCES: write into map forbidden, value_size=48 off=8 size=8',
    );
    const writeOnly = [array({ flags: constants.BPF_F_WRONLY_PROG })];
    expect(wordsOf(`${LOOKUP} r1 = *(u64 *)(r0 + 8)${DONE}`, { maps: writeOnly })).toBe(
      'EACCES: read from map forbidden, value_size=48 off=8 size=8',
    );
  });

  it('that never change are constants', () => {
    const constantValue = new Uint8Array(48);
    constantValue.set([0xfe, 0xff, 0xff, 0xff], 8);
    const maps = [array({ flags: constants.BPF_F_RDONLY_PROG, constantValue })];
    const log = (load: string) =>
      verify(program(`r6 = VAL ll; ${load}; r0 = 0; exit`, { maps }), profile, { logLevel: 2 }).log;
    expect(log('r1 = *(u32 *)(r6 + 8)')).toContain('R1_w=0xfffffffe');
    expect(log('r1 = *(s32 *)(r6 + 8)')).toContain('R1_w=-2');
    expect(log('r1 = *(s8 *)(r6 + 9)')).toContain('R1_w=-1');
    expect(log('r1 = *(u16 *)(r6 + 9)')).toContain('R1_w=0xffff');
    expect(log('r1 = *(u64 *)(r6 + 0)')).toContain('R1_w=0 ');
  });
});

describe('memory of helpers', () => {
  const output = (size: string) => `
    r6 = r1
    ${size}
    r3 = r10
    r3 += -16
    r2 = 0
    r1 = r6
    call 26
    r0 = 0
    exit`;

  it('has a size that is known to be in bounds', () => {
    const load = (size: string) => wordsOf(output(size), { type: SCHED_CLS });
    expect(load('r4 = 16')).toBe('ok');
    expect(load('r4 = 17')).toBe('EINVAL: invalid indirect access to stack R3 off=-16 size=17');
    expect(load('r4 = 0')).toBe('EACCES: R4 invalid zero-sized read: u64=[0,0]');
    expect(load('r4 = -1')).toBe(
      "EACCES: R4 min value is negative, either use unsigned or 'var &= const'",
    );
    expect(load('r4 = *(u32 *)(r1 + 0)')).toBe(
      'EACCES: R4 invalid zero-sized read: u64=[0,4294967295]',
    );
    expect(load('r4 = *(u32 *)(r1 + 0); r4 &= 15; r4 += 1')).toBe('ok');
  });

  it('leaves bytes of unknown value, in whole slots and in parts of them', () => {
    const text = `
      *(u64 *)(r10 -24) = 0
      *(u64 *)(r10 -16) = r1
      r3 = r10
      r3 += -20
      r2 = 0
      r4 = 13
      call 26
      r0 = 0
      exit`;
    const after = 'R0_w=scalar() fp-8=???????m fp-16_w=mmmmmmmm fp-24_w=mmmmmmmm';
    expect(verify(inputOf(text), profile, { logLevel: 2 }).log).toContain(after);
    const unprivileged = verify(inputOf(text), profile, { capabilities: UNPRIVILEGED });
    expect(unprivileged.reason?.text).toBe('attempt to corrupt spilled pointer on stack');
  });
});
