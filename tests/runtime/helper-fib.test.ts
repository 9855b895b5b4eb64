import { describe, expect, it } from 'vitest';
import { constants, errnoNumber, structs } from '../../src/abi/index.ts';
import type { HostRoute } from '../../src/runtime/index.ts';
import { Bench, type Kind, udpPacket } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const RET = {
  success: constants.BPF_FIB_LKUP_RET_SUCCESS,
  blackhole: constants.BPF_FIB_LKUP_RET_BLACKHOLE,
  unreachable: constants.BPF_FIB_LKUP_RET_UNREACHABLE,
  prohibit: constants.BPF_FIB_LKUP_RET_PROHIBIT,
  notForwarded: constants.BPF_FIB_LKUP_RET_NOT_FWDED,
  disabled: constants.BPF_FIB_LKUP_RET_FWD_DISABLED,
  noNeighbour: constants.BPF_FIB_LKUP_RET_NO_NEIGH,
  tooBig: constants.BPF_FIB_LKUP_RET_FRAG_NEEDED,
  noSource: constants.BPF_FIB_LKUP_RET_NO_SRC_ADDR,
};
const ip = (text: string): Uint8Array => Uint8Array.from(text.split('.').map(Number));
const at = (name: string): number =>
  structs['bpf_fib_lookup']!.fields.find((field) => field.name === name)!.offset;
const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
const route = (text: string, ifindex: number, more: Partial<HostRoute> = {}): HostRoute => {
  const [address, bits] = text.split('/');
  return {
    destination: ip(address!),
    prefixLength: Number(bits),
    type: 'unicast',
    ifindex,
    ...more,
  };
};

class FibBench extends Bench {
  readonly params: number;

  constructor(kind: Kind = 'xdp') {
    super(kind, udpPacket());
    const { host } = this.runtime;
    host.devices.set(1, { mtu: 1500, headerSize: 14, address: mac(1), forwarding: true });
    host.devices.set(2, { mtu: 1400, headerSize: 14, address: mac(2), forwarding: true });
    host.devices.set(3, { mtu: 1500, headerSize: 14, address: mac(3), forwarding: false });
    host.routes = [
      route('10.0.0.0/8', 1),
      route('10.1.0.0/16', 2, { gateway: ip('10.9.9.9'), metric: 7, source: ip('10.9.9.1') }),
      route('10.2.0.0/16', 2, { type: 'blackhole' }),
      route('10.3.0.0/16', 2, { type: 'unreachable' }),
      route('10.4.0.0/16', 2, { type: 'prohibit' }),
      route('10.5.0.0/16', 2, { type: 'local' }),
      route('10.6.0.0/16', 2, { table: 100 }),
    ];
    host.neighbours = [{ ifindex: 2, address: ip('10.9.9.9'), hardware: mac(99) }];
    this.params = this.bytes(new Uint8Array(64));
    this.field('family', [2]);
    this.field('ifindex', [1, 0, 0, 0]);
  }

  field(name: string, bytes: ArrayLike<number>): void {
    this.runtime.u8().set(bytes, this.params + at(name));
  }

  lookup(destination: string, flags = 0, size = 64): number {
    this.field('ipv4_dst', ip(destination));
    return this.on('fib_lookup', this.params, size, flags);
  }

  bytesOf(name: string, size: number): number[] {
    return [...this.read(this.params + at(name), size)];
  }
}

describe.each(['xdp', 'sched_cls'] as const)('bpf_fib_lookup in %s', (kind) => {
  it.each([
    ['10.1.2.3', RET.success],
    ['10.2.0.1', RET.blackhole],
    ['10.3.0.1', RET.unreachable],
    ['10.4.0.1', RET.prohibit],
    ['10.5.0.1', RET.notForwarded],
    ['11.0.0.1', RET.notForwarded],
    ['10.7.0.1', RET.noNeighbour],
  ])('%s gives %i', (destination, result) => {
    expect(new FibBench(kind).lookup(destination)).toBe(result);
  });

  it('fills in the next hop', () => {
    const bench = new FibBench(kind);
    expect(bench.lookup('10.1.2.3', constants.BPF_FIB_LOOKUP_SRC)).toBe(0);
    expect(bench.bytesOf('dmac', 6)).toEqual([...mac(99)]);
    expect(bench.bytesOf('smac', 6)).toEqual([...mac(2)]);
    expect(bench.bytesOf('ifindex', 4)).toEqual([2, 0, 0, 0]);
    expect(bench.bytesOf('rt_metric', 4)).toEqual([7, 0, 0, 0]);
    expect(bench.bytesOf('ipv4_dst', 4)).toEqual([...ip('10.9.9.9')]);
    expect(bench.bytesOf('ipv4_src', 4)).toEqual([...ip('10.9.9.1')]);
    expect(bench.bytesOf('mtu_result', 2)).toEqual([1400 & 0xff, 1400 >> 8]);
  });

  it('can leave out the neighbour', () => {
    const bench = new FibBench(kind);
    expect(bench.lookup('10.7.0.1', constants.BPF_FIB_LOOKUP_SKIP_NEIGH)).toBe(0);
    expect(bench.bytesOf('dmac', 6)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('compares the given length with the mtu', () => {
    const bench = new FibBench(kind);
    bench.field('tot_len', [1401 & 0xff, 1401 >> 8]);
    expect(bench.lookup('10.1.2.3')).toBe(RET.tooBig);
    expect(bench.bytesOf('mtu_result', 2)).toEqual([1400 & 0xff, 1400 >> 8]);
  });

  it('asks one table when told to', () => {
    const bench = new FibBench(kind);
    const flags = constants.BPF_FIB_LOOKUP_DIRECT | constants.BPF_FIB_LOOKUP_TBID;
    bench.field('tbid', [100, 0, 0, 0]);
    expect(bench.lookup('10.6.0.1', flags | constants.BPF_FIB_LOOKUP_SKIP_NEIGH)).toBe(0);
    bench.field('tbid', [100, 0, 0, 0]);
    expect(bench.lookup('10.1.0.1', flags)).toBe(RET.notForwarded);
  });

  it('goes out of the given device when told to', () => {
    const bench = new FibBench(kind);
    const flags = constants.BPF_FIB_LOOKUP_OUTPUT | constants.BPF_FIB_LOOKUP_SKIP_NEIGH;
    expect(bench.lookup('10.1.2.3', flags)).toBe(0);
    expect(bench.bytesOf('ifindex', 4)).toEqual([1, 0, 0, 0]);
  });

  it.each([
    ['a short struct', 'EINVAL', (b: FibBench) => b.lookup('10.1.2.3', 0, 63)],
    ['unknown flags', 'EINVAL', (b: FibBench) => b.lookup('10.1.2.3', 64)],
    [
      'an unknown family',
      'EAFNOSUPPORT',
      (b: FibBench) => (b.field('family', [7]), b.lookup('10.1.2.3')),
    ],
    ['no such device', 'ENODEV', (b: FibBench) => (b.field('ifindex', [9]), b.lookup('10.1.2.3'))],
  ] as const)('refuses %s', (_, code, run) => {
    expect(run(new FibBench(kind))).toBe(errno(code));
  });

  it('does not forward what came in where forwarding is off', () => {
    const bench = new FibBench(kind);
    bench.field('ifindex', [3]);
    expect(bench.lookup('10.1.2.3')).toBe(RET.disabled);
  });
});

describe('IPv6', () => {
  it('finds the longest prefix and needs a source address if asked', () => {
    const bench = new FibBench();
    const address = Uint8Array.from([0x20, 1, ...Array(13).fill(0), 5]);
    bench.runtime.host.routes = [
      { destination: new Uint8Array(16), prefixLength: 0, type: 'unreachable', ifindex: 1 },
      { destination: address, prefixLength: 16, type: 'unicast', ifindex: 2 },
    ];
    bench.field('family', [10]);
    bench.field('ipv6_dst', address);
    const lookup = (flags: number) => bench.on('fib_lookup', bench.params, 64, flags);
    expect(lookup(constants.BPF_FIB_LOOKUP_SKIP_NEIGH)).toBe(0);
    expect(lookup(constants.BPF_FIB_LOOKUP_SRC)).toBe(RET.noSource);
    expect(lookup(0)).toBe(RET.noNeighbour);
  });
});

describe('bpf_check_mtu', () => {
  it.each([
    ['the packet fits', 'xdp', 1, 0, 0, 0, 0],
    ['grown too much', 'xdp', 1, 0, 1453, 0, constants.BPF_MTU_CHK_RET_FRAG_NEEDED],
    ['grown to the limit', 'xdp', 1, 0, 1452, 0, 0],
    ['a given length over the mtu', 'xdp', 2, 1401, 0, 0, constants.BPF_MTU_CHK_RET_FRAG_NEEDED],
    ['flags', 'xdp', 1, 0, 0, 1, errno('EINVAL')],
    ['no such device', 'xdp', 9, 0, 0, 0, errno('ENODEV')],
    ['segments and a length', 'sched_cls', 1, 9, 0, 1, errno('EINVAL')],
    ['segments of a plain packet', 'sched_cls', 1, 0, 0, 1, 0],
    ['unknown flags', 'sched_cls', 1, 0, 0, 2, errno('EINVAL')],
  ] as const)('%s', (_, kind, ifindex, given, difference, flags, result) => {
    const bench = new FibBench(kind);
    const length = bench.bytes([given & 0xff, given >> 8, 0, 0]);
    expect(bench.on('check_mtu', ifindex, length, difference, flags)).toBe(result);
    const mtu = ifindex === 2 ? 1400 : 1500;
    if (result >= 0) expect(bench.runtime.u32()[length / 4]).toBe(mtu);
  });

  it('asks the current device for ifindex 0', () => {
    const bench = new FibBench();
    bench.set('INGRESS_IFINDEX', 2);
    const length = bench.bytes([0, 0, 0, 0]);
    expect(bench.on('check_mtu', 0, length, 0, 0)).toBe(0);
    expect(bench.runtime.u32()[length / 4]).toBe(1400);
  });
});
