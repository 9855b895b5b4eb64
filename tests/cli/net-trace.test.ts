import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCapture, writeCapture } from '../../src/tools/pcap/index.ts';
import { udp } from '../machine/helpers.ts';
import { beeyard, NET, workFolder } from './helpers.ts';

const PODS = 'examples/netkit-pods/pods.bpf.o';
const folder = workFolder();

/** A UDP packet with a right header checksum. */
function packet(from: string, to: string, port: number): Uint8Array {
  const data = udp(from, to, [4000, port]);
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += (data[at]! << 8) | data[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  data[24] = ~sum >> 8;
  data[25] = ~sum;
  return data;
}

const capture = folder.write(
  'in.pcap',
  writeCapture([
    { data: packet('10.0.0.2', '10.0.0.3', 53), time: 1_000_000_000n },
    { data: packet('10.0.0.2', '10.0.0.3', 99), time: 1_000_001_000n },
    { data: packet('10.0.0.2', '192.0.2.9', 53), time: 1_000_002_000n },
  ]),
);

const pair = (address: string) => ({
  devices: {
    eth0: {
      kind: 'netkit',
      addresses: [`${address}/32`],
      peer: { addresses: ['169.254.1.1/32'], routes: [`${address}/32`] },
    },
  },
  routes: [{ to: 'default', device: 'eth0' }],
});

const topology = folder.write(
  'net.json',
  JSON.stringify({
    devices: { eth0: { addresses: ['192.0.2.1/24'] } },
    namespaces: { client: pair('10.0.0.2'), web: pair('10.0.0.3') },
    attach: { from_pod: ['nk-client', 'nk-web'] },
    maps: {
      endpoints: [
        ['10.0.0.2', { id: 1, ifindex: 3 }],
        ['10.0.0.3', { id: 2, ifindex: 4 }],
      ],
    },
    device: 'client/eth0',
  }),
);

const traced = (...more: string[]) =>
  beeyard([
    'net',
    'trace',
    '--pcap',
    capture,
    '-t',
    topology,
    '--send',
    '--to-device',
    PODS,
    ...more,
  ]);

describe('beeyard net trace', () => {
  it('prints a path per packet', async () => {
    const { code, out, err } = await traced();
    expect(err).toBe('');
    expect(code).toBe(0);
    const blocks = out.split(/^(?=packet )/m);
    expect(blocks[0]!.replace(/ +/g, ' ')).toBe(`packet 1 10.0.0.2:4000 → 10.0.0.3:53 UDP 42 bytes
 client
 eth0 sent from here
 goes out
 across to nk-client, another namespace
 (machine)
 nk-client netkit/peer from_pod [1]: pass
 forwarded, TTL 63
 route 10.0.0.3/32 through nk-web
 nk-web goes out
 across to web/eth0, another namespace
 web
 eth0 packet 2 is sent because of it: ICMP port unreachable
 dropped: NO_SOCKET
`);
    expect(blocks.find((text) => text.includes(':99 UDP'))).toMatch(
      /from_pod \[1\]: drop\n +dropped: NOT_SPECIFIED \(netkit verdict drop\)\n/,
    );
    expect(out).toMatch(
      /waits: who has 192\.0\.2\.9\?\n.*: ICMP host unreachable\n +dropped: NEIGH_FAILED\n/,
    );
    expect(blocks.at(-1)).toMatch(/eth0 +delivered: icmp 10\.0\.0\.2\n8 packets: dropped 4, /);
  });

  it('gives every event as JSON', async () => {
    const result = (await traced('-j')).json<{
      packets: { id: number; fate: string; reason?: string; events: { kind: string }[] }[];
      totals: { packets: number; reasons: Record<string, number> };
    }>();
    expect(result.totals.packets).toBe(result.packets.length);
    expect(result.packets[0]).toMatchObject({ id: 1, fate: 'dropped', reason: 'NO_SOCKET' });
    const hooks = result.packets[0]!.events.filter(({ kind }) => kind === 'program');
    expect(hooks).toMatchObject([{ hook: 'netkit/peer', verdict: 'pass', device: 'nk-client' }]);
    expect(result.totals.reasons).toMatchObject({ NO_SOCKET: 1, NEIGH_FAILED: 1 });
  });

  it('writes what a device sees', async () => {
    const file = folder.path('out.pcapng');
    const { code } = await traced('-o', file, '--tap', 'web/eth0');
    expect(code).toBe(0);
    const { packets } = readCapture(new Uint8Array(readFileSync(file)));
    expect(packets.map(({ data }) => data[23])).toEqual([17, 1]);
  });

  it('needs no topology for one program at one device', async () => {
    const { code, out } = await beeyard([
      'net',
      'trace',
      '--pcap',
      capture,
      '--limit',
      '1',
      '-a',
      'shorten@eth0',
      NET,
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/xdp shorten \[\d+\]: tx; 42 → 38 bytes, changed /);
    expect(out).toMatch(/XDP_TX → eth0\n +on the wire\n/);
    expect(out).toMatch(/^1 packets: on the wire 1$/m);
  });

  it.each([
    [['--pcap', capture, NET], 2, /several programs; say which goes where/],
    [['--pcap', capture, '-a', 'nobody@eth0', NET], 2, /no object has a program 'nobody'/],
    [['--pcap', capture, '-a', 'shorten', NET], 2, /PROG@DEVICE/],
    [['--pcap', capture, '-a', 'shorten@eth7', NET], 1, /ENODEV/],
    [[NET], 2, /--pcap FILE/],
    [['--pcap', 'nowhere.pcap', NET], 3, /nowhere\.pcap/],
    [['--pcap', capture, '-t', capture, NET], 3, /is no JSON/],
    [
      ['--pcap', capture, '-t', folder.write('x.json', '{"device": {}, "dvices": {}}'), NET],
      3,
      /dvices/,
    ],
  ] as [string[], number, RegExp][])('refuses %j', async (args, code, words) => {
    const result = await beeyard(['net', 'trace', ...args]);
    expect(result.err).toMatch(words);
    expect(result.code).toBe(code);
  });
});
