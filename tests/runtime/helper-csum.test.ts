import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errnoNumber } from '../../src/abi/index.ts';
import { Bench, get16, internetChecksum, put16, udpChecksum, udpPacket } from './helper-harness.ts';

const EINVAL = -errnoNumber('EINVAL')!;
const EFAULT = -errnoNumber('EFAULT')!;
const IP_CHECK = 24;
const UDP_CHECK = 40;
const SOURCE = 26;

/** One's complement sum of 32-bit little-endian words, computed with big numbers. */
function sum32(words: readonly number[], seed: number): number {
  let sum = BigInt(seed);
  for (const word of words) sum += BigInt(word >>> 0);
  while (sum > 0xffffffffn) sum = (sum & 0xffffffffn) + (sum >> 32n);
  return Number(sum);
}

const word = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
const wordBytes = (words: readonly number[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(words).buffer);

describe('bpf_csum_diff', () => {
  const bench = new Bench('xdp');
  const u32 = fc.integer({ min: 0, max: 0xffffffff });

  it('is the one’s complement sum of new words, old ones complemented, and the seed', () => {
    const words = fc.array(u32, { maxLength: 40 });
    const area = bench.runtime.allocate(512);
    fc.assert(
      fc.property(words, words, u32, (from, to, seed) => {
        bench.runtime.u8().set(wordBytes(from), area);
        bench.runtime.u8().set(wordBytes(to), area + 256);
        const got = bench.call('csum_diff', area, from.length * 4, area + 256, to.length * 4, seed);
        expect(got).toBe(sum32([...from.map((w) => ~w >>> 0), ...to], seed));
      }),
    );
  });

  it.each([
    [2, 0, EINVAL],
    [0, 7, EINVAL],
    [512, 4, EINVAL],
    [256, 256, 0xffffffff],
    [0, 0, 0],
  ])('sizes %i and %i give %i', (from, to, result) => {
    const area = bench.bytes(new Uint8Array(512));
    expect(bench.call('csum_diff', area, from, area, to, 0)).toBe(result);
  });
});

describe('bpf_l3_csum_replace', () => {
  it.each([2, 4])('keeps the IPv4 header right after a %i byte field changed', (size) => {
    const bench = new Bench('sched_cls', udpPacket());
    const at = bench.get('DATA') + SOURCE;
    const field = bench.read(at, 4);
    const changed = Uint8Array.from([0x7f, 1, 2, 0xfe]).subarray(0, size);
    const value = (bytes: Uint8Array): number =>
      size === 2 ? word(bytes, 0) & 0xffff : word(bytes, 0);
    const next = Uint8Array.from([...changed, ...field.subarray(size)]);
    bench.runtime.u8().set(next, at);
    expect(bench.on('l3_csum_replace', IP_CHECK, value(field), value(next), size)).toBe(0);
    expect(internetChecksum(bench.packet.subarray(14, 34))).toBe(0);
  });

  it('takes a difference made by bpf_csum_diff', () => {
    const bench = new Bench('sched_cls', udpPacket());
    const old = bench.bytes(bench.packet.subarray(SOURCE, SOURCE + 8));
    const fresh = bench.bytes([1, 2, 3, 4, 5, 6, 7, 8]);
    const diff = bench.call('csum_diff', old, 8, fresh, 8, 0);
    bench.runtime.u8().set(bench.read(fresh, 8), bench.get('DATA') + SOURCE);
    expect(bench.on('l3_csum_replace', IP_CHECK, 0, diff, 0)).toBe(0);
    expect(internetChecksum(bench.packet.subarray(14, 34))).toBe(0);
  });

  it.each([
    ['flags beyond the size', [24, 0, 0, 0x10], EINVAL],
    ['a size of 3', [24, 0, 0, 3], EINVAL],
    ['a difference and an old value', [24, 1, 0, 0], EINVAL],
    ['an odd offset', [25, 0, 0, 2], EFAULT],
    ['an offset over 65535', [0x10000, 0, 0, 2], EFAULT],
    ['an offset at the end', [62, 0, 0, 2], EFAULT],
  ] as const)('refuses %s', (_, args, errno) => {
    expect(new Bench('sched_cls', udpPacket()).on('l3_csum_replace', ...args)).toBe(errno);
  });
});

describe('bpf_l4_csum_replace', () => {
  const PSEUDO = 0x10;
  const MARK_MANGLED_0 = 0x20;
  const ENFORCE = 0x40;

  it('keeps the UDP checksum right when an address of the pseudo header changes', () => {
    const bench = new Bench('sched_cls', udpPacket());
    const at = bench.get('DATA') + SOURCE;
    const from = word(bench.read(at, 4), 0);
    bench.runtime.u8().set([8, 8, 4, 4], at);
    const to = word(bench.read(at, 4), 0);
    expect(bench.on('l4_csum_replace', UDP_CHECK, from, to, PSEUDO | 4)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).toBe(udpChecksum(bench.packet));
  });

  it('keeps it right for a port', () => {
    const bench = new Bench('sched_cls', udpPacket());
    const at = bench.get('DATA') + 36;
    bench.runtime.u8().set([0x12, 0x34], at);
    expect(bench.on('l4_csum_replace', UDP_CHECK, 0x3500, 0x3412, 2)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).toBe(udpChecksum(bench.packet));
  });

  it('leaves a checksum of 0 alone when it means "none"', () => {
    const packet = udpPacket();
    put16(packet, UDP_CHECK, 0);
    const bench = new Bench('sched_cls', packet);
    expect(bench.on('l4_csum_replace', UDP_CHECK, 1, 2, MARK_MANGLED_0 | 2)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).toBe(0);
    expect(bench.on('l4_csum_replace', UDP_CHECK, 1, 2, MARK_MANGLED_0 | ENFORCE | 2)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).not.toBe(0);
  });

  it('writes 0xffff for a result of 0 when 0 means "none"', () => {
    const packet = udpPacket();
    const old = get16(packet, UDP_CHECK);
    const bench = new Bench('sched_cls', packet);
    // The difference that makes the sum 0xffff and its complement 0.
    const raw = ((old & 0xff) << 8) | (old >> 8);
    expect(bench.on('l4_csum_replace', UDP_CHECK, 0, raw, MARK_MANGLED_0)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).toBe(0xffff);
  });

  it('only touches the pseudo header part of a packet whose sum the card will finish', () => {
    const bench = new Bench('sched_cls', udpPacket());
    bench.set('IP_SUMMED', 3);
    const before = get16(bench.packet, UDP_CHECK);
    expect(bench.on('l4_csum_replace', UDP_CHECK, 1, 2, 2)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).toBe(before);
    expect(bench.on('l4_csum_replace', UDP_CHECK, 0x0100, 0x0200, PSEUDO | 2)).toBe(0);
    expect(get16(bench.packet, UDP_CHECK)).toBe(before + 1);
  });

  it.each([
    ['unknown flags', [40, 0, 0, 0x100], EINVAL],
    ['a size of 1', [40, 0, 0, 1], EINVAL],
    ['a difference and an old value', [40, 9, 0, 0], EINVAL],
    ['an odd offset', [41, 0, 0, 2], EFAULT],
    ['an offset outside', [64, 0, 0, 2], EFAULT],
  ] as const)('refuses %s', (_, args, errno) => {
    expect(new Bench('sched_cls', udpPacket()).on('l4_csum_replace', ...args)).toBe(errno);
  });
});

describe('bpf_csum_update and bpf_csum_level', () => {
  it('update adds to a complete sum only', () => {
    const bench = new Bench('sched_cls', udpPacket());
    expect(bench.on('csum_update', 5)).toBe(-errnoNumber('ENOTSUPP')!);
    bench.set('IP_SUMMED', 2);
    bench.set('CSUM', 0xfffffffe);
    expect(bench.on('csum_update', 5)).toBe(4);
  });

  it('level counts verified checksums', () => {
    const bench = new Bench('sched_cls', udpPacket());
    const [QUERY, INC, DEC, RESET] = [0, 1, 2, 3];
    const EACCES = -errnoNumber('EACCES')!;
    const seen = [QUERY, INC, QUERY, INC, INC, INC, INC, QUERY, DEC, QUERY, RESET, QUERY, 9];
    const got = seen.map((level) => bench.on('csum_level', level));
    expect(got).toEqual([EACCES, 0, 0, 0, 0, 0, 0, 3, 0, 2, 0, EACCES, EINVAL]);
  });
});
