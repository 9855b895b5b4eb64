import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { createMachine, type Host, type Program } from '../../src/index.ts';
import { dissect } from '../../src/packet/index.ts';
import { readCapture, writeCapture } from '../../src/tools/pcap/index.ts';
import { RdmaFlows } from '../../src/tools/rdma/flows.ts';

interface Scenario {
  readonly topology: object;
  readonly VICTIM: number;
  lossy(
    host: Host,
    loaded: { programs: Readonly<Record<string, Program>> },
  ): {
    client: { completions: readonly { operation: string; status: string }[] };
    packets: { data: Uint8Array; time: bigint }[];
  };
}

const folder = new URL('../../examples/rdma/', import.meta.url);
const { lossy, topology, VICTIM } = (await import(
  new URL('scenario.mjs', folder).href
)) as unknown as Scenario;
const committed = () => readFileSync(new URL('lossy.pcap', folder));

describe('the RDMA example', () => {
  test('loses a packet, sends it again, and does what the committed capture shows', async () => {
    using host = await createMachine(topology);
    const object = readFileSync(new URL('roce.bpf.o', folder));
    const { programs, maps } = await host.load(object, { globals: { victim: VICTIM } });
    const { client, packets } = lossy(host, { programs });
    expect(client.completions.map(({ operation, status }) => `${operation}: ${status}`)).toEqual([
      'send: success',
      'write: success',
      'read: success',
      'read: remote access error',
    ]);
    const gaps = [...maps['sequences']!].map(([, value]) => value);
    expect(gaps).toEqual([{ expected: 0xffffffff, gaps: 1, lost: 1, again: 3 }]);
    const made = writeCapture(packets, { nanoseconds: true });
    expect(Buffer.compare(committed(), made)).toBe(0);
  });

  test('its capture, read again: one gap, what was sent again, two kinds of NAK', () => {
    const flows = new RdmaFlows();
    for (const { data } of readCapture(committed()).packets) flows.add(dissect(data));
    expect(flows.all.map(({ from, queuePair }) => [from, queuePair])).toEqual([
      ['10.0.0.1', 17],
      ['10.0.0.2', 18],
    ]);
    const [requests, answers] = flows.all;
    expect(requests).toMatchObject({ gaps: 0, retransmissions: 3, naks: {}, damaged: 0 });
    expect(answers).toMatchObject({
      naks: { 'PSN sequence error': 1, 'remote access error': 1 },
      notReady: 0,
    });
  });
});

const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const FIELDS = ['infiniband.bth.opcode', 'infiniband.bth.destqp', 'infiniband.bth.psn'];

describe.skipIf(!hasTshark)('the capture in tshark (skipped where it is not installed)', () => {
  test('has the same operations, queue pairs and sequence numbers', () => {
    const path = new URL('lossy.pcap', folder).pathname;
    const asked = ['-T', 'fields', '-Y', 'infiniband', ...FIELDS.flatMap((one) => ['-e', one])];
    const { stdout } = spawnSync('tshark', ['-n', '-r', path, ...asked]);
    const theirs = stdout.toString().trimEnd().split('\n');
    const ours = readCapture(committed()).packets.flatMap(({ data }) => {
      const bth = dissect(data).find(({ protocol }) => protocol === 'BTH');
      if (!bth) return [];
      const { opcode, queuePair, psn } = bth.values as Record<string, number>;
      return [[opcode, `0x${queuePair!.toString(16).padStart(6, '0')}`, psn].join('\t')];
    });
    expect(ours.length).toBeGreaterThan(15);
    expect(theirs).toEqual(ours);
  });
});
