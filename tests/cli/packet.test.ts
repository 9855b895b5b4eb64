import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arp, dissect, ethernet, ipv4, packet, roce, udp } from '../../src/packet/index.ts';
import { readCapture, writeCapture } from '../../src/tools/pcap/index.ts';
import { RdmaFlows } from '../../src/tools/rdma/flows.ts';
import { beeyard, workFolder } from './helpers.ts';

const LOSSY = 'examples/rdma/lossy.pcap';
const folder = workFolder();
const request = (psn: number) =>
  packet(
    ethernet(),
    ipv4(),
    udp({ destinationPort: 4791, checksum: 0 }),
    ...roce({ operation: 'RC SEND only', queuePair: 20, psn }, 'hi'),
  );
const damaged = request(3);
damaged[damaged.length - 6]! ^= 1;
const mixed = folder.write(
  'mixed.pcap',
  writeCapture(
    [packet(ethernet(), arp()), request(1), request(4), request(4), damaged].map((data, i) => ({
      data,
      time: BigInt(i) * 1_500_000n,
    })),
    { nanoseconds: true },
  ),
);

describe('beeyard packet show', () => {
  it('prints a line per packet, and what is wrong below it', async () => {
    const { code, out } = await beeyard(['packet', 'show', mixed]);
    const lines = out.split('\n');
    expect(lines[0]).toContain('ARP');
    expect(lines[1]).toContain('0.001500');
    expect(lines[1]).toContain('UDP BTH RC SEND only (4), queuePair 20, psn 1, 4 bytes');
    expect(lines[5]).toMatch(/! BTH: ICRC is 0x[0-9a-f]+, right is 0x/);
    expect(lines[6]).toBe('5 packets, 1 with problems');
    expect(code).toBe(1);
  });

  it('prints every field with -v, and all of it as JSON', async () => {
    const { out, code } = await beeyard(['packet', 'show', mixed, '-v', '--limit', '2']);
    expect(out).toMatch(/BTH bytes 42 to 53\n +opcode +RC SEND only \(4\)\n +solicited +0/);
    expect(code).toBe(0);
    const { packets, totals } = (await beeyard(['packet', 'show', mixed, '-j'])).json<{
      packets: { layers: { protocol: string; values: Record<string, unknown> }[] }[];
      totals: object;
    }>();
    expect(totals).toEqual({ seen: 5, shown: 5, broken: 1 });
    expect(packets[1]!.layers.find(({ protocol }) => protocol === 'BTH')!.values['psn']).toBe(1);
  });

  it.each([
    [['bth'], 4],
    [['!BTH'], 1],
    [['bth.psn=4'], 2],
    [['bth.psn>1', 'bth.psn<4'], 1],
    [['bth.opcode=RC send only'], 4],
    [['bth.opcode!=4'], 0],
    [['ipv4.source=10.0.0.1', '!problems'], 3],
    [['problems'], 1],
    [['bth.nothing=1'], 0],
  ])('--filter %j', async (filters, count) => {
    const options = filters.flatMap((one) => ['--filter', one]);
    const { out } = await beeyard(['packet', 'show', mixed, ...options]);
    const [, shown, total] = /(\d+)(?: of (\d+))? packets/.exec(out)!;
    expect([shown, total ?? '5']).toEqual([String(count), '5']);
  });

  it('says what is no filter, and reads captures that end too soon', async () => {
    const { code, err } = await beeyard(['packet', 'show', mixed, '--filter', 'a b']);
    expect([code, err]).toEqual([2, expect.stringContaining("not 'a b'")]);
    const cut = folder.write('cut.pcap', readFileSync(mixed).subarray(0, 200));
    const result = await beeyard(['packet', 'show', cut]);
    expect([result.code, result.err]).toEqual([0, expect.stringContaining('note:')]);
    expect((await beeyard(['packet', 'show', 'nowhere.pcap'])).code).toBe(3);
  });
});

describe('beeyard rdma show', () => {
  it('tells what each queue pair did', async () => {
    const { out, code } = await beeyard(['rdma', 'show', '--pcap', LOSSY]);
    expect(code).toBe(0);
    expect(out).toContain('queue pair 17 of 10.0.0.2, from 10.0.0.1');
    expect(out).toMatch(/RC SEND middle +\d/);
    expect(out).toContain('! 1 NAK: PSN sequence error');
    expect(out).toContain('! 1 NAK: remote access error');
  });

  it('finds gaps, retransmissions and damage', async () => {
    const found = (await beeyard(['rdma', 'show', '--pcap', mixed, '-j'])).json();
    expect(found).toEqual({
      queue_pairs: [
        {
          from: '10.0.0.1',
          to: '10.0.0.2',
          queuePair: 20,
          packets: 4,
          bytes: 6,
          operations: { 'RC SEND only': 3 },
          gaps: 1,
          missing: 2,
          retransmissions: 1,
          naks: {},
          notReady: 0,
          damaged: 1,
        },
      ],
      packets: 5,
      others: 1,
      beyond: 0,
    });
    expect((await beeyard(['rdma', 'show'])).code).toBe(2);
  });

  it('a read takes as many numbers as its answer has packets', () => {
    const read = (psn: number, length: number) =>
      packet(
        ethernet(),
        ipv4(),
        udp({ destinationPort: 4791 }),
        ...roce({ operation: 'RC READ request', queuePair: 20, psn, length }),
      );
    const flows = new RdmaFlows();
    for (const data of [read(0xfffffe, 3000), request(1), read(2, 0), request(3), request(7)]) {
      flows.add(dissect(data));
    }
    expect(flows.all[0]).toMatchObject({ gaps: 1, missing: 3, retransmissions: 0 });
  });

  it('takes whatever comes', () => {
    const good = readCapture(readFileSync(LOSSY)).packets.map(({ data }) => data);
    const places = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.nat(good.length - 1), places, fc.nat(2000), (which, changes, length) => {
        const bytes = good[which]!.slice(0, length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const flows = new RdmaFlows();
        flows.add(dissect(bytes));
        expect(flows.others + flows.all.reduce((sum, { packets }) => sum + packets, 0)).toBe(1);
      }),
    );
  });
});
