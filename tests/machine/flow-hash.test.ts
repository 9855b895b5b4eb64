import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/client/index.ts';
import { flowHash } from '../../src/machine/index.ts';
import { packet, udp } from './helpers.ts';

/** Microsoft's verification suite for RSS: destination, source, ports, hash without and with ports. */
const IPV4 = [
  ['161.142.100.80', '66.9.149.187', 1766, 2794, 0x323e8fc2, 0x51ccc178],
  ['65.69.140.83', '199.92.111.2', 4739, 14230, 0xd718262a, 0xc626b0ea],
  ['12.22.207.184', '24.19.198.95', 38024, 12898, 0xd2d0a5de, 0x5c2b394a],
  ['209.142.163.6', '38.27.205.30', 2217, 48228, 0x82989176, 0xafc7327f],
  ['202.188.127.2', '153.39.163.191', 1303, 44251, 0x5d1809c5, 0x10e828a2],
] as const;

const IPV6 = [
  ['3ffe:2501:200:3::1', '3ffe:2501:200:1fff::7', 1766, 2794, 0x2cc18cd5, 0x40207d3d],
  ['ff02::1', '3ffe:501:8::260:97ff:fe40:efab', 4739, 14230, 0x0f0c461c, 0xdde51bbf],
  [
    'fe80::200:f8ff:fe21:67cf',
    '3ffe:1900:4545:3:200:f8ff:fe21:67cf',
    38024,
    44251,
    0x4b61e985,
    0x02d1feef,
  ],
] as const;

function ipv6(source: string, destination: string, protocol: number, ports: number[]): Uint8Array {
  const frame = new Uint8Array(14 + 40 + 4);
  frame.set([0x86, 0xdd, 0x60], 12);
  frame[20] = protocol;
  frame.set(parseAddress(source, 16)!, 22);
  frame.set(parseAddress(destination, 16)!, 38);
  frame.set(
    ports.flatMap((port) => [port >> 8, port & 255]),
    54,
  );
  return frame;
}

const hash = (bytes: Uint8Array) => flowHash(bytes, 0, bytes.length);

describe('the flow hash', () => {
  it.each(IPV4)('of %s from %s is what the published vectors say', (to, from, dp, sp, ip, tcp) => {
    const frame = udp(from, to, [sp, dp]);
    expect(hash(frame)).toBe(tcp);
    frame[14 + 9] = 1;
    expect(hash(frame)).toBe(ip);
  });

  it.each(IPV6)('of %s from %s is what the published vectors say', (to, from, dp, sp, ip, tcp) => {
    expect(hash(ipv6(from, to, 6, [sp, dp]))).toBe(tcp);
    expect(hash(ipv6(from, to, 58, [sp, dp]))).toBe(ip);
  });

  it('does not depend on VLAN tags, and is by address for fragments', () => {
    const plain = udp('10.0.0.1', '10.0.0.2', [7, 8]);
    expect(hash(udp('10.0.0.1', '10.0.0.2', [7, 8], 100))).toBe(hash(plain));
    const fragment = udp('10.0.0.1', '10.0.0.2', [7, 8]);
    fragment[14 + 6] = 0x20;
    expect(hash(fragment)).not.toBe(hash(plain));
    const other = udp('10.0.0.1', '10.0.0.2', [70, 80]);
    other[14 + 7] = 9;
    expect(hash(other)).toBe(hash(fragment));
  });

  it('is 0 for what is no IP or cut short', () => {
    expect(hash(packet(60))).toBe(0);
    for (let size = 0; size < 34; size++) {
      expect(flowHash(udp('10.0.0.1', '10.0.0.2'), 0, size)).toBe(0);
    }
  });
});
