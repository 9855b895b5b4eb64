import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as p from '../../src/packet/index.ts';

const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const vxlan = [p.udp({ checksum: 0 }), p.vxlan({ vni: 42 }), p.ethernet(), p.ipv4(), p.tcp(), 'x'];

/** Packets, the protocols that another dissector sees in them, and a checksum it finds good. */
const PACKETS: readonly (readonly [string, Uint8Array])[] = [
  ['eth:ethertype:ip:udp', p.packet(p.ethernet(), p.ipv4(), p.udp({ destinationPort: 7777 }))],
  ['eth:ethertype:ipv6:tcp', p.packet(p.ethernet(), p.ipv6(), p.tcp({ flags: 'SYN' }))],
  ['eth:ethertype:vlan:ethertype:ip:icmp', p.packet(p.ethernet(), p.vlan(), p.ipv4(), p.icmp())],
  [
    'eth:ethertype:ipv6:ipv6.fraghdr',
    p.packet(p.ethernet(), p.ipv6(), p.fragment({ more: 1 }), p.udp()),
  ],
  ['eth:ethertype:ip:sctp', p.packet(p.ethernet(), p.ipv4(), p.sctp())],
  ['eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp', p.packet(p.ethernet(), p.ipv4(), ...vxlan)],
  [
    'eth:ethertype:ip:udp:infiniband',
    p.packet(
      p.ethernet(),
      p.ipv4(),
      p.udp(),
      ...p.roce({ operation: 'RC ACK', queuePair: 17, psn: 5, syndrome: 0x1f }),
    ),
  ],
  ['eth:ethertype:arp', p.packet(p.ethernet(), p.arp())],
];

/** A capture file of the old format. */
function pcap(packets: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = packets.map((bytes) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([header, ...records]);
}

describe.skipIf(!hasTshark)('packets read by tshark (skipped where it is not installed)', () => {
  test('have the same protocols, and no checksum that is bad', () => {
    const folder = mkdtempSync(join(tmpdir(), 'packets-'));
    const file = join(folder, 'made.pcap');
    writeFileSync(file, pcap(PACKETS.map(([, bytes]) => bytes)));
    const checks = ['ip', 'udp', 'tcp'].flatMap((one) => ['-o', `${one}.check_checksum:TRUE`]);
    const asked = ['-T', 'fields', '-e', 'frame.protocols', '-e', '_ws.expert.message'];
    const run = spawnSync('tshark', ['-n', '-r', file, ...checks, ...asked]);
    rmSync(folder, { recursive: true });
    const lines = run.stdout.toString().trimEnd().split('\n');
    const seen = lines.map((line) => line.split('\t'));
    expect(seen.map(([protocols]) => protocols)).toEqual(
      PACKETS.map(([protocols]) => expect.stringMatching(new RegExp(`^${protocols}(:data)?`))),
    );
    expect(seen.filter(([, message]) => /bad checksum/i.test(message ?? ''))).toEqual([]);
  });
});
