import { describe, expect, it } from 'vitest';
import { errnoNumber } from '../../src/abi/index.ts';
import { Bench, bytesOf } from './helper-harness.ts';

const EINVAL = -errnoNumber('EINVAL')!;
const EACCES = -errnoNumber('EACCES')!;
const MINUTE = 60_000_000_000n;
const IPV4 = bytesOf('45000028 00010000 40060000 0a000001 c0a80102');
const IPV6 = bytesOf(`60000000 00140640 ${'20010db8'.repeat(4)} ${'fd000001'.repeat(4)}`);

/** A TCP header: ports 4660 and 80, given numbers and options. */
function tcp(sequence: number, ack: number, options = ''): number[] {
  const header = bytesOf(`1234 0050 00000000 00000000 5002 ffff 0000 0000 ${options}`);
  const view = new DataView(header.buffer);
  view.setUint32(4, sequence);
  view.setUint32(8, ack);
  header[12] = (header.length / 4) << 4;
  return [...header];
}

describe.each([
  [
    'ipv4',
    IPV4,
    536,
    [
      [1459, 1440],
      [1460, 1460],
      [100, 536],
      [9000, 1460],
    ],
  ],
  [
    'ipv6',
    IPV6,
    1220,
    [
      [1439, 1420],
      [1440, 1440],
      [100, 1220],
      [8940, 8940],
    ],
  ],
] as const)('SYN cookies over %s', (family, ipHeader, least, sizes) => {
  const bench = new Bench('xdp');
  const ip = bench.bytes(ipHeader);
  const make = (header: number[]): bigint =>
    bench.call64(`tcp_raw_gen_syncookie_${family}`, ip, bench.bytes(header), header.length);
  const check = (header: number[], address = ip): number =>
    bench.call(`tcp_raw_check_syncookie_${family}`, address, bench.bytes(header));
  const cookieFor = (sequence: number): number => Number(make(tcp(sequence, 0)) & 0xffffffffn);
  const answer = (sequence: number, cookie: number): number[] =>
    tcp((sequence + 1) >>> 0, (cookie + 1) >>> 0);

  it('are accepted when they come back', () => {
    for (const sequence of [0, 1, 0x12345678, 0xffffffff]) {
      expect(check(answer(sequence, cookieFor(sequence)))).toBe(0);
    }
  });

  it('are refused when anything else comes back', () => {
    const cookie = cookieFor(1000);
    expect(check(answer(1000, cookie ^ 0x800000))).toBe(EACCES);
    expect(check(answer(1001, cookie))).toBe(EACCES);
    const other = ipHeader.slice();
    other[15]! ^= 1;
    expect(check(answer(1000, cookie), bench.bytes(other))).toBe(EACCES);
  });

  it('are good for one to two minutes', () => {
    bench.runtime.clock = 10n * MINUTE;
    const cookie = cookieFor(5);
    bench.runtime.clock = 11n * MINUTE;
    expect(check(answer(5, cookie))).toBe(0);
    bench.runtime.clock = 12n * MINUTE;
    expect(check(answer(5, cookie))).toBe(EACCES);
    bench.runtime.clock = 0n;
  });

  it.each(sizes.map(([mss, said]) => ({ mss, said })))(
    'say a size of $mss as $said',
    ({ mss, said }) => {
      const option = `0204${mss.toString(16).padStart(4, '0')}`;
      expect(make(tcp(1, 0, option)) >> 32n).toBe(BigInt(said));
      expect(make(tcp(1, 0, `01010101${option}`)) >> 32n).toBe(BigInt(said));
    },
  );

  it.each([
    ['none', ''],
    ['an end before it', '00000000020405b4'],
    ['a size below 2', '0301000000000000'],
    ['one cut off', '01010204'],
  ])('take the smallest size for %s', (_, options) => {
    expect(make(tcp(1, 0, options)) >> 32n).toBe(BigInt(least));
  });

  it('need the whole header', () => {
    const header = tcp(1, 0);
    const name = `tcp_raw_gen_syncookie_${family}`;
    expect(bench.call(name, ip, bench.bytes(header), 19)).toBe(EINVAL);
    expect(bench.call(name, ip, bench.bytes(header), 24)).toBe(EINVAL);
  });
});

// The first words of the test vectors in the SipHash paper's reference code: key and message 00 01 02 ….
it.each([
  [0, 0x726fdb47dd0e0e31n],
  [1, 0x93f5f5799a932462n],
  [2, 0x3f2acc7f57c29bdbn],
])('SipHash-2-4 of %i words', (words, hash) => {
  const bench = new Bench('xdp');
  const siphash = bench.runtime.exports['siphash'] as unknown as (
    at: number,
    words: number,
    ...key: bigint[]
  ) => bigint;
  const message = bench.bytes(Array.from({ length: 64 }, (_, i) => i));
  const got = siphash(message, words, 0x0706050403020100n, 0x0f0e0d0c0b0a0908n);
  expect(BigInt.asUintN(64, got)).toBe(hash);
});
