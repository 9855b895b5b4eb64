import { describe, expect, it } from 'vitest';
import { errnoNumber } from '../../src/abi/index.ts';
import { C_REDIRECT_INDEX, REDIRECT_IFINDEX } from '../../src/runtime/layout.ts';
import { Bench, udpPacket } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const packet = Uint8Array.from({ length: 60 }, (_, i) => i);

describe('bpf_xdp_adjust_head', () => {
  it.each([
    [-216, 0],
    [-217, errno('EINVAL')],
    [0, 0],
    [46, 0],
    [47, errno('EINVAL')],
    [-0x80000000, errno('EINVAL')],
    [0x7fffffff, errno('EINVAL')],
  ])('by %i gives %i', (by, result) => {
    const bench = new Bench('xdp', packet);
    const data = bench.get('DATA');
    expect(bench.on('xdp_adjust_head', BigInt.asUintN(64, BigInt(by)))).toBe(result);
    expect(bench.get('DATA')).toBe(result === 0 ? data + by : data);
    if (result === 0) expect(bench.region).toEqual([data + by, bench.get('DATA_END')]);
  });

  it('takes the metadata along', () => {
    const bench = new Bench('xdp', packet);
    expect(bench.on('xdp_adjust_meta', -8)).toBe(0);
    bench.runtime.u8().set([1, 2, 3, 4, 5, 6, 7, 8], bench.get('DATA_META'));
    expect(bench.on('xdp_adjust_head', -20)).toBe(0);
    expect(bench.get('DATA') - bench.get('DATA_META')).toBe(8);
    expect([...bench.read(bench.get('DATA_META'), 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(bench.region[0]).toBe(bench.get('DATA_META'));
    // The metadata needs room behind struct xdp_frame too: 256 - 40 - 8 - 20 bytes are left.
    expect(bench.on('xdp_adjust_head', -189)).toBe(errno('EINVAL'));
    expect(bench.on('xdp_adjust_head', -188)).toBe(0);
  });
});

describe('bpf_xdp_adjust_meta', () => {
  it.each([
    [-4, 0],
    [-252, errno('EINVAL')],
    [-216, 0],
    [-220, errno('EINVAL')],
    [4, errno('EINVAL')],
    [-3, errno('EACCES')],
  ])('by %i gives %i', (by, result) => {
    expect(new Bench('xdp', packet).on('xdp_adjust_meta', by)).toBe(result);
  });

  it('is limited to 255 bytes', () => {
    const bench = new Bench('xdp', packet, 512);
    expect(bench.on('xdp_adjust_meta', -256)).toBe(errno('EACCES'));
    expect(bench.on('xdp_adjust_meta', -252)).toBe(0);
  });

  it('is not supported where the driver says so', () => {
    const bench = new Bench('xdp', packet);
    bench.set('DATA_META', bench.get('DATA') + 1);
    expect(bench.on('xdp_adjust_meta', -4)).toBe(errno('ENOTSUPP'));
  });
});

describe('bpf_xdp_adjust_tail', () => {
  it.each([
    [-46, 0],
    [-47, errno('EINVAL')],
    [320, 0],
    [321, errno('EINVAL')],
  ])('by %i gives %i', (by, result) => {
    const bench = new Bench('xdp', packet);
    const end = bench.get('DATA_END');
    expect(bench.on('xdp_adjust_tail', by)).toBe(result);
    expect(bench.get('DATA_END')).toBe(result === 0 ? end + by : end);
  });

  it('clears what it adds', () => {
    const bench = new Bench('xdp', packet);
    bench.runtime.u8().fill(0xaa, bench.get('DATA_END'), bench.get('DATA_END') + 8);
    bench.on('xdp_adjust_tail', 8);
    expect([...bench.packet.subarray(60)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('frames with fragments', () => {
  function fragmented(): Bench {
    const bench = new Bench('xdp', packet);
    bench.set('FRAGS', bench.bytes(Uint8Array.from({ length: 40 }, (_, i) => 60 + i)));
    bench.set('FRAGS_LENGTH', 40);
    return bench;
  }

  it('are read and written across the border', () => {
    const bench = fragmented();
    const to = bench.bytes(new Uint8Array(20));
    expect(bench.on('xdp_get_buff_len')).toBe(100);
    expect(bench.on('xdp_load_bytes', 50, to, 20)).toBe(0);
    expect([...bench.read(to, 20)]).toEqual(Array.from({ length: 20 }, (_, i) => 50 + i));
    const from = bench.bytes([1, 2, 3, 4]);
    expect(bench.on('xdp_store_bytes', 58, from, 4)).toBe(0);
    expect(bench.on('xdp_load_bytes', 57, to, 6)).toBe(0);
    expect([...bench.read(to, 6)]).toEqual([57, 1, 2, 3, 4, 62]);
    expect(bench.on('xdp_load_bytes', 81, to, 20)).toBe(errno('EINVAL'));
  });

  it('shrink from the end', () => {
    const bench = fragmented();
    expect(bench.on('xdp_adjust_tail', 1)).toBe(errno('EOPNOTSUPP'));
    expect(bench.on('xdp_adjust_tail', -30)).toBe(0);
    expect([bench.get('FRAGS_LENGTH'), bench.packet.length]).toEqual([10, 60]);
    expect(bench.on('xdp_adjust_tail', -20)).toBe(0);
    expect([bench.get('FRAGS_LENGTH'), bench.packet.length]).toEqual([0, 50]);
    const another = fragmented();
    expect(another.on('xdp_adjust_tail', -87)).toBe(errno('EINVAL'));
  });
});

describe('bpf_xdp_load_bytes and bpf_xdp_store_bytes', () => {
  it.each([
    ['all', 0, 60, 0],
    ['one byte too many', 0, 61, errno('EINVAL')],
    ['an offset over 65535', 0x10000, 4, errno('EFAULT')],
    ['a length over 65535', 0, 0x10000, errno('EFAULT')],
  ])('%s', (_, offset, length, result) => {
    const bench = new Bench('xdp', packet);
    const area = bench.bytes(new Uint8Array(64));
    expect(bench.on('xdp_load_bytes', offset, area, length)).toBe(result);
    if (result === 0) expect(bench.read(area, length)).toEqual(packet);
    expect(bench.on('xdp_store_bytes', offset, area, length)).toBe(result);
  });
});

describe('bpf_redirect in XDP', () => {
  it('leaves the target with the CPU and with the packet', () => {
    const bench = new Bench('xdp', udpPacket());
    expect(bench.call('redirect', 3, 0)).toBe(4);
    expect([bench.get('REDIRECT'), bench.runtime.u32()[bench.ctx / 4 + 9]]).toEqual([
      REDIRECT_IFINDEX,
      3,
    ]);
    expect(bench.runtime.u32()[(bench.runtime.cpuBlock + C_REDIRECT_INDEX) / 4]).toBe(3);
  });

  it('aborts when flags are given', () => {
    expect(new Bench('xdp', udpPacket()).call('redirect', 3, 1)).toBe(0);
  });
});
