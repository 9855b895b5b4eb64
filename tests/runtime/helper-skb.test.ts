import { describe, expect, it } from 'vitest';
import { errnoNumber } from '../../src/abi/index.ts';
import { REDIRECT_IFINDEX, REDIRECT_NEIGH, REDIRECT_PEER } from '../../src/runtime/layout.ts';
import { Bench, bytesOf, get16, internetChecksum, udpPacket } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const IPV4 = 0x0008;
const IPV6 = 0xdd86;
const skb = (packet = udpPacket(), head = 256, tail = 320): Bench =>
  new Bench('sched_cls', packet, head, tail);

describe('bytes', () => {
  it.each([
    ['all', 0, 62, 0],
    ['one too many', 1, 62, errno('EFAULT')],
    ['an offset over INT_MAX', 0x80000000, 1, errno('EFAULT')],
  ])('load and store: %s', (_, offset, length, result) => {
    const bench = skb();
    const area = bench.bytes(new Uint8Array(64).fill(0xee));
    expect(bench.on('skb_load_bytes', offset, area, length)).toBe(result);
    const expected = result === 0 ? udpPacket() : new Uint8Array(length);
    expect(bench.read(area, length)).toEqual(expected);
    expect(bench.on('skb_store_bytes', offset, area, length, 0)).toBe(result);
  });

  it('load_relative counts from the link or the network header', () => {
    const bench = skb();
    const area = bench.bytes(new Uint8Array(8));
    expect(bench.on('skb_load_bytes_relative', 12, area, 2, 0)).toBe(0);
    expect([...bench.read(area, 2)]).toEqual([8, 0]);
    expect(bench.on('skb_load_bytes_relative', 12, area, 4, 1)).toBe(0);
    expect([...bench.read(area, 4)]).toEqual([10, 0, 0, 1]);
    expect(bench.on('skb_load_bytes_relative', 0, area, 2, 2)).toBe(errno('EFAULT'));
    expect(bench.on('skb_load_bytes_relative', 0x10000, area, 2, 0)).toBe(errno('EFAULT'));
    expect(bench.on('skb_load_bytes_relative', 47, area, 2, 1)).toBe(errno('EFAULT'));
  });

  it('store keeps a complete sum right at even and odd offsets', () => {
    for (const offset of [34, 35]) {
      const bench = skb();
      bench.set('IP_SUMMED', 2);
      const sum = (): number => ~internetChecksum(bench.packet) & 0xffff;
      const folded = (value: number): number => ((value & 0xffff) + (value >>> 16)) % 0xffff;
      const swapped = (value: number): number => ((value & 0xff) << 8) | (value >> 8);
      bench.set('CSUM', swapped(sum()));
      expect(bench.on('skb_store_bytes', offset, bench.bytes([9, 8, 7]), 3, 1)).toBe(0);
      expect(folded(bench.get('CSUM'))).toBe(swapped(sum()) % 0xffff);
    }
  });

  it('store can forget the hash and refuses unknown flags', () => {
    const bench = skb();
    bench.on('set_hash', 0x1234);
    expect(bench.on('skb_store_bytes', 0, bench.bytes([1]), 1, 2)).toBe(0);
    expect(bench.get('HASH')).toBe(0);
    expect(bench.on('skb_store_bytes', 0, bench.bytes([1]), 1, 4)).toBe(errno('EINVAL'));
  });

  it('pull_data takes what is there', () => {
    expect(skb().on('skb_pull_data', 62)).toBe(0);
    expect(skb().on('skb_pull_data', 0)).toBe(0);
    expect(skb().on('skb_pull_data', 63)).toBe(errno('ENOMEM'));
  });
});

describe('bpf_skb_adjust_room', () => {
  const [NET, MAC] = [0, 1];

  it('makes room behind the network header', () => {
    const bench = skb();
    const before = bench.packet;
    expect(bench.on('skb_adjust_room', 8, NET, 0)).toBe(0);
    const after = bench.packet;
    expect(after.length).toBe(70);
    expect(after.slice(0, 34)).toEqual(before.slice(0, 34));
    expect(after.slice(34, 42)).toEqual(new Uint8Array(8));
    expect(after.slice(42)).toEqual(before.slice(34));
    expect(bench.get('LEN')).toBe(70);
    expect(bench.region).toEqual([bench.get('DATA'), bench.get('DATA_END')]);
  });

  it('makes room behind the link header and takes it back', () => {
    const bench = skb();
    const before = bench.packet;
    expect(bench.on('skb_adjust_room', 20, MAC, 0)).toBe(0);
    expect(bench.packet.slice(0, 14)).toEqual(before.slice(0, 14));
    expect(bench.on('skb_adjust_room', -20, MAC, 0)).toBe(0);
    expect(bench.packet).toEqual(before);
  });

  it('moves the packet inside its frame when the headroom is used up', () => {
    const bench = skb(udpPacket(), 4, 100);
    const before = bench.packet;
    expect(bench.on('skb_adjust_room', 40, MAC, 0)).toBe(0);
    expect(bench.packet.slice(54)).toEqual(before.slice(14));
    expect(bench.headroom).toBe(0);
    expect(skb(udpPacket(), 4, 8).on('skb_adjust_room', 40, MAC, 0)).toBe(errno('ENOMEM'));
  });

  it('changes the protocol to that of the outer header', () => {
    const bench = skb();
    const ENCAP_IPV6 = 4;
    expect(bench.on('skb_adjust_room', 40, MAC, ENCAP_IPV6)).toBe(0);
    expect(bench.get('PROTOCOL')).toBe(IPV6);
    expect(bench.on('skb_adjust_room', 40, MAC, ENCAP_IPV6)).toBe(errno('EALREADY'));
    const inner = skb();
    const DECAP_IPV6 = 256;
    // 48 bytes from the network header on: 40 must stay for an IPv6 header.
    expect(inner.on('skb_adjust_room', -9, MAC, DECAP_IPV6)).toBe(errno('ENOTSUPP'));
    expect(inner.on('skb_adjust_room', -8, MAC, DECAP_IPV6)).toBe(0);
    expect(inner.get('PROTOCOL')).toBe(IPV6);
  });

  it.each([
    ['unknown flags', [8, 0, 512], 'EINVAL'],
    ['a difference over 4095', [4096, 0, 0], 'EFAULT'],
    ['an unknown mode', [8, 2, 0], 'ENOTSUPP'],
    ['shrinking below the IP header', [-29, 0, 0], 'ENOTSUPP'],
    ['two outer protocols', [40, 0, 6], 'EINVAL'],
    ['GRE and UDP', [40, 0, 2 | 8 | 16], 'EINVAL'],
    ['a decapsulation that grows', [8, 0, 128], 'EINVAL'],
    ['encapsulation flags when shrinking', [-8, 0, 2], 'EINVAL'],
    ['an inner link header longer than the room', [8, 0, (9n << 56n) | 2n], 'EINVAL'],
    ['an Ethernet header shorter than one', [40, 0, (13n << 56n) | 64n | 2n], 'EINVAL'],
  ] as const)('refuses %s', (_, [by, mode, flags], code) => {
    expect(skb().on('skb_adjust_room', by, mode, flags)).toBe(errno(code));
  });

  it('refuses packets that are not IP', () => {
    const bench = skb();
    bench.set('PROTOCOL', 0x0608);
    expect(bench.on('skb_adjust_room', 8, NET, 0)).toBe(errno('ENOTSUPP'));
  });

  it('makes segments smaller when headers grow, unless told not to', () => {
    const bench = skb();
    bench.set('GSO_SIZE', 1448);
    bench.set('GSO_TYPE', 1);
    expect(bench.on('skb_adjust_room', 20, MAC, 2)).toBe(0);
    expect([bench.get('GSO_SIZE'), bench.get('GSO_SEGS')]).toEqual([1428, 0]);
    expect(bench.on('skb_adjust_room', -20, MAC, 1)).toBe(0);
    expect(bench.get('GSO_SIZE')).toBe(1428);
    bench.set('GSO_TYPE', 1 << 17);
    expect(bench.on('skb_adjust_room', 20, MAC, 0)).toBe(errno('ENOTSUPP'));
  });
});

describe('protocol, head and tail', () => {
  it('change_proto makes 20 bytes more or less', () => {
    const bench = skb();
    const before = bench.packet;
    expect(bench.on('skb_change_proto', IPV6, 0)).toBe(0);
    expect([bench.packet.length, bench.get('PROTOCOL')]).toEqual([82, IPV6]);
    expect(bench.on('skb_change_proto', IPV4, 0)).toBe(0);
    expect(bench.packet).toEqual(before);
    expect(bench.on('skb_change_proto', IPV4, 0)).toBe(errno('ENOTSUPP'));
    expect(bench.on('skb_change_proto', IPV6, 1)).toBe(errno('EINVAL'));
  });

  it.each([
    ['cut', 40, 0, 0],
    ['grown', 80, 0, 0],
    ['cut to its headers', 14, 0, 0],
    ['cut below them', 13, 0, errno('EINVAL')],
    ['grown over 16064', 16065, 0, errno('EINVAL')],
    ['given flags', 40, 1, errno('EINVAL')],
  ])('change_tail: a packet %s', (_, length, flags, result) => {
    const bench = skb();
    bench.runtime.u8().fill(0xaa, bench.get('DATA_END'), bench.get('DATA_END') + 100);
    expect(bench.on('skb_change_tail', length, flags)).toBe(result);
    const size = result === 0 ? length : 62;
    expect([bench.packet.length, bench.get('LEN')]).toEqual([size, size]);
    expect(bench.packet.slice(62)).toEqual(new Uint8Array(Math.max(0, size - 62)));
  });

  it('change_head makes zeroed room and keeps the network header', () => {
    const bench = skb();
    expect(bench.on('skb_change_head', 14, 0)).toBe(0);
    expect(bench.packet.slice(0, 14)).toEqual(new Uint8Array(14));
    expect(bench.get('NETWORK_OFFSET')).toBe(28);
    expect(bench.on('skb_change_head', 14, 1)).toBe(errno('EINVAL'));
    expect(bench.on('skb_change_head', 0xffffffff, 0)).toBe(errno('EINVAL'));
    expect(bench.on('skb_change_head', 16000, 0)).toBe(errno('EINVAL'));
  });

  it.each([
    [0, 0, 0],
    [3, 0, 0],
    [4, 0, errno('EINVAL')],
    [0, 5, errno('EINVAL')],
  ])('change_type to %i from %i gives %i', (type, from, result) => {
    const bench = skb();
    bench.set('PKT_TYPE', from);
    expect(bench.on('skb_change_type', type)).toBe(result);
    expect(bench.get('PKT_TYPE')).toBe(result === 0 ? type : from);
  });
});

describe('VLAN tags', () => {
  const [TAG_8021Q, TAG_8021AD] = [0x0081, 0xa888];

  it('push puts the first tag beside the packet and the next one into it', () => {
    const bench = skb();
    const before = bench.packet;
    expect(bench.on('skb_vlan_push', TAG_8021Q, 100)).toBe(0);
    expect(bench.packet).toEqual(before);
    expect(['VLAN_PRESENT', 'VLAN_PROTO', 'VLAN_TCI'].map((f) => bench.get(f))).toEqual([
      1,
      TAG_8021Q,
      100,
    ]);
    expect(bench.on('skb_vlan_push', TAG_8021AD, 200)).toBe(0);
    const inside = [...before.slice(0, 12), 0x81, 0x00, 0, 100, ...before.slice(12)];
    expect([...bench.packet]).toEqual(inside);
    expect(bench.get('PROTOCOL')).toBe(TAG_8021Q);
    expect([bench.get('VLAN_PROTO'), bench.get('VLAN_TCI')]).toEqual([TAG_8021AD, 200]);
  });

  it('pop takes them back in order', () => {
    const bench = skb();
    const before = bench.packet;
    bench.on('skb_vlan_push', TAG_8021Q, 100);
    bench.on('skb_vlan_push', TAG_8021AD, 200);
    expect(bench.on('skb_vlan_pop')).toBe(0);
    expect([bench.get('VLAN_PROTO'), bench.get('VLAN_TCI')]).toEqual([TAG_8021Q, 100]);
    expect(bench.packet).toEqual(before);
    expect(bench.get('PROTOCOL')).toBe(IPV4);
    expect(bench.on('skb_vlan_pop')).toBe(0);
    expect(bench.get('VLAN_PRESENT')).toBe(0);
    expect(bench.on('skb_vlan_pop')).toBe(0);
    expect(bench.packet).toEqual(before);
  });

  it('push treats an unknown protocol as 802.1Q', () => {
    const bench = skb();
    bench.on('skb_vlan_push', 0x1234, 5);
    expect(bench.get('VLAN_PROTO')).toBe(TAG_8021Q);
  });

  it('pop needs a whole header', () => {
    const bench = skb(udpPacket().slice(0, 17));
    bench.set('PROTOCOL', TAG_8021Q);
    expect(bench.on('skb_vlan_pop')).toBe(errno('ENOMEM'));
  });
});

describe('metadata', () => {
  it('hash is remembered, forgotten, and the same in both directions', () => {
    const bench = skb();
    const back = udpPacket();
    back.set([...back.slice(30, 34), ...back.slice(26, 30)], 26);
    back.set([...back.slice(36, 38), ...back.slice(34, 36)], 34);
    const hash = bench.on('get_hash_recalc');
    expect(hash).not.toBe(0);
    expect(skb(back).on('get_hash_recalc')).toBe(hash);
    expect(bench.on('set_hash', 77)).toBe(0);
    expect(bench.on('get_hash_recalc')).toBe(77);
    expect(bench.on('set_hash_invalid')).toBe(0);
    expect(bench.on('get_hash_recalc')).toBe(hash);
  });

  it.each([
    [0, 0, 0],
    [5, 1, 0],
    [0, 1, errno('EINVAL')],
    [0, 2, errno('EINVAL')],
    [5, 3, errno('EINVAL')],
  ])('set_tstamp %i of clock %i gives %i', (time, clock, result) => {
    expect(skb().on('skb_set_tstamp', time, clock)).toBe(result);
  });

  it('set_tstamp is for IP only', () => {
    const bench = skb();
    bench.set('PROTOCOL', 0x0608);
    expect(bench.on('skb_set_tstamp', 1, 0)).toBe(errno('EOPNOTSUPP'));
  });

  it.each([
    [0, 0, 0],
    [1, 1, 3],
    [2, 1, 3],
    [3, 1, 3],
  ])('ecn_set_ce on ECN %i gives %i', (ecn, result, after) => {
    const packet = udpPacket();
    packet[15] = 0xb8 | ecn;
    packet.set([0, 0], 24);
    const sum = internetChecksum(packet.subarray(14, 34));
    packet.set([sum >> 8, sum & 0xff], 24);
    const bench = skb(packet);
    expect(bench.on('skb_ecn_set_ce')).toBe(result);
    expect(bench.packet[15]).toBe(0xb8 | after);
    expect(internetChecksum(bench.packet.subarray(14, 34))).toBe(0);
  });

  it('ecn_set_ce marks IPv6', () => {
    const packet = bytesOf(`020000000001 020000000002 86dd 60200000 0000 3b40 ${'00'.repeat(32)}`);
    const bench = skb(packet);
    expect(bench.on('skb_ecn_set_ce')).toBe(1);
    expect(get16(bench.packet, 14)).toBe(0x6030);
  });
});

describe('redirects of tc', () => {
  it.each([
    ['redirect', [3, 0], 7, REDIRECT_IFINDEX],
    ['redirect', [3, 1], 7, REDIRECT_IFINDEX],
    ['redirect', [3, 2], 2, 0],
    ['redirect_peer', [3, 0], 7, REDIRECT_PEER],
    ['redirect_peer', [3, 1], 2, 0],
    ['redirect_neigh', [3, 0, 0, 0], 7, REDIRECT_NEIGH],
    ['redirect_neigh', [3, 0, 19, 0], 2, 0],
    ['redirect_neigh', [3, 0, 0, 1], 2, 0],
  ] as const)('%s(%j) returns %i', (name, args, action, kind) => {
    const bench = skb();
    expect(bench.call(name, ...args)).toBe(action);
    expect(bench.get('REDIRECT')).toBe(kind);
  });

  it('redirect_neigh keeps the next hop', () => {
    const bench = skb();
    const hop = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
    expect(bench.call('redirect_neigh', 3, bench.bytes(hop), 20, 0)).toBe(7);
    expect(bench.read(bench.ctx + bench.offset('NEIGH'), 20)).toEqual(hop);
  });

  it('clone_redirect hands a copy to the machine', () => {
    const bench = skb();
    const sent: [Uint8Array, number, number][] = [];
    bench.runtime.host.cloneRedirect = (packet, ifindex, flags) => {
      sent.push([packet, ifindex, flags]);
      return 0;
    };
    expect(bench.on('clone_redirect', 5, 1)).toBe(errno('EINVAL'));
    const address = new Uint8Array(6);
    bench.runtime.host.devices.set(5, { mtu: 1500, headerSize: 14, address, forwarding: true });
    expect(bench.on('clone_redirect', 5, 1)).toBe(0);
    expect(bench.on('clone_redirect', 5, 2)).toBe(errno('EINVAL'));
    expect(sent).toEqual([[udpPacket(), 5, 1]]);
  });
});

describe('tunnel keys', () => {
  const key = bytesOf(
    `0a000000 0100000a ${'00'.repeat(12)} 10 40 0000 00000000 0200000a ${'00'.repeat(12)}`,
  );

  it('are refused when there is none', () => {
    const bench = skb();
    const area = bench.bytes(new Uint8Array(44).fill(1));
    expect(bench.on('skb_get_tunnel_key', area, 44, 0)).toBe(errno('EINVAL'));
    expect(bench.read(area, 44)).toEqual(new Uint8Array(44));
  });

  it('come back as they were set, with the ends exchanged', () => {
    const bench = skb();
    expect(bench.on('skb_set_tunnel_key', bench.bytes(key), 44, 0)).toBe(0);
    const area = bench.bytes(new Uint8Array(44));
    expect(bench.on('skb_get_tunnel_key', area, 44, 16)).toBe(0);
    const got = bench.read(area, 44);
    expect(got.slice(0, 4)).toEqual(Uint8Array.of(10, 0, 0, 0));
    expect(got.slice(4, 8)).toEqual(Uint8Array.of(2, 0, 0, 10));
    expect(got.slice(28, 32)).toEqual(Uint8Array.of(1, 0, 0, 10));
    expect(got.slice(20, 22)).toEqual(Uint8Array.of(0x10, 0x40));
    // TUNNEL_CSUM | TUNNEL_KEY | TUNNEL_NOCACHE in network order.
    expect(get16(got, 22)).toBe(0x2005);
    expect(bench.on('skb_get_tunnel_key', area, 44, 1)).toBe(errno('EPROTO'));
    expect(bench.on('skb_get_tunnel_key', area, 8, 0)).toBe(0);
    expect(bench.on('skb_get_tunnel_key', area, 12, 0)).toBe(errno('EINVAL'));
  });

  it.each([
    ['an unknown flag', 44, 32, key],
    ['an unknown size', 43, 0, key],
    ['a flow label without IPv6', 44, 0, key.map((b, i) => (i === 24 ? 1 : b))],
    ['the padding in use', 44, 0, key.map((b, i) => (i === 22 ? 1 : b))],
  ])('are refused with %s', (_, size, flags, bytes) => {
    const bench = skb();
    expect(bench.on('skb_set_tunnel_key', bench.bytes(bytes), size, flags)).toBe(errno('EINVAL'));
  });

  it('carry options after a key was set', () => {
    const bench = skb();
    const options = bench.bytes([1, 2, 3, 4]);
    const area = bench.bytes(new Uint8Array(8));
    expect(bench.on('skb_set_tunnel_opt', options, 4)).toBe(errno('EINVAL'));
    bench.on('skb_set_tunnel_key', bench.bytes(key), 44, 0);
    expect(bench.on('skb_get_tunnel_opt', area, 8)).toBe(errno('ENOENT'));
    expect(bench.on('skb_set_tunnel_opt', options, 3)).toBe(errno('EINVAL'));
    expect(bench.on('skb_set_tunnel_opt', bench.bytes(new Uint8Array(256)), 256)).toBe(
      errno('ENOMEM'),
    );
    expect(bench.on('skb_set_tunnel_opt', options, 4)).toBe(0);
    expect(bench.on('skb_get_tunnel_opt', area, 8)).toBe(4);
    expect([...bench.read(area, 8)]).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    expect(bench.on('skb_get_tunnel_opt', area, 3)).toBe(errno('ENOMEM'));
  });
});
