import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { type CapturedPacket, packetsOf } from './firewall-model.ts';

const object = new Uint8Array(readFileSync('examples/idle-flows/flows.bpf.o'));
const packets = packetsOf(gunzipSync(readFileSync('examples/firewall/capture.pcap.gz')));
const IDLE = 200_000_000;

interface Flow {
  first: bigint;
  last: bigint;
  packets: bigint;
  bytes: bigint;
}

/** Bytes that name the flow of a TCP or UDP packet, or undefined. */
function flowOf({ bytes }: CapturedPacket): string | undefined {
  if (bytes.length < 38 || bytes[12] !== 8 || bytes[13] !== 0 || (bytes[14]! & 15) !== 5) return;
  const protocol = bytes[23]!;
  if (protocol !== 6 && protocol !== 17) return undefined;
  return `${[...bytes.subarray(26, 38)].join('.')} ${protocol}`;
}

/** The flows in the order they end: idle for IDLE before the next packet of anyone. */
function endedFlows(capture: readonly CapturedPacket[]): Flow[] {
  const open = new Map<string, Flow>();
  const ended: Flow[] = [];
  const end = (before: number) => {
    for (const [name, flow] of open) {
      // Least recently seen first, for a packet moves its flow to the end.
      if (Number(flow.last) + IDLE > before) break;
      ended.push(flow);
      open.delete(name);
    }
  };
  for (const packet of capture) {
    end(packet.time);
    const name = flowOf(packet);
    if (name === undefined) continue;
    const now = BigInt(packet.time);
    const flow = open.get(name) ?? { first: now, last: now, packets: 0n, bytes: 0n };
    open.delete(name);
    open.set(name, flow);
    flow.last = now;
    flow.packets++;
    flow.bytes += BigInt(packet.bytes.length);
  }
  end(Number.POSITIVE_INFINITY);
  return ended;
}

describe.each(['wasm', 'interpreter'] as const)('idle flows on %s', (engine) => {
  it('end when nothing came for so long, in order, each told once', async () => {
    const capture = packets.slice(0, 20_000);
    using host = await createMachine({ engine, devices: { eth0: {} } });
    const { programs, maps } = await host.load(object, { globals: { idle: IDLE } });
    using link = programs['track']!.attach({ device: 'eth0' });
    const told: unknown[] = [];
    for (const { time, bytes } of capture) {
      (host.kernel as unknown as { clock: bigint }).clock = BigInt(time);
      host.devices['eth0']!.receive(bytes);
      for (const { value } of maps['ended']!.drain('ended')) told.push(value);
    }
    expect(link.program.spec.name).toBe('track');
    expect([...maps['flows']!.keys()].length).toBeGreaterThan(10);
    host.advance(IDLE);
    for (const { value } of maps['ended']!.drain('ended')) told.push(value);
    expect([...maps['flows']!.keys()]).toEqual([]);
    const wanted = endedFlows(capture);
    expect(wanted.length).toBeGreaterThan(100);
    expect(told.length).toBe(wanted.length);
    expect(told).toMatchObject(wanted);
  }, 120_000);
});
