// What Linux 6.12.117 did with the same topology and frames (scripts/record-netkit.mjs).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, pod } from '../../src/index.ts';

interface Recorded {
  readonly frames: readonly { readonly namespace: string; readonly frame: string }[];
  readonly runs: readonly {
    /** By frame: 'web/eth0 in 0000…'. */
    readonly seen: readonly (readonly string[])[];
    /** Pod, allowed, denied. */
    readonly counts: readonly (readonly number[])[];
    /** Pod, tx_packets, tx_bytes, tx_dropped of its eth0. */
    readonly statistics: readonly (readonly [string, number, number, number])[];
  }[];
}

const file = (path: string) => readFileSync(new URL(path, import.meta.url));
const recorded = JSON.parse(file('../fixtures/kernel/netkit.json').toString()) as Recorded;
const PODS = { client: '10.0.0.2', web: '10.0.0.3', dns: '10.0.0.53' };

async function boot(shortcut: number) {
  const namespaces = Object.fromEntries(
    Object.entries(PODS).map(([name, address]) => [name, pod({ address })]),
  );
  const host = await createMachine({ namespaces });
  const object = file('../../examples/netkit-pods/pods.bpf.o');
  const { programs, maps } = await host.load(object, { globals: { shortcut } });
  for (const [i, [name, address]] of Object.entries(PODS).entries()) {
    const device = `nk-${name}`;
    programs['from_pod']!.attach({ device });
    programs['to_pod']!.attach({ device });
    const { ifindex } = host.net.namespace('').device(device);
    maps['endpoints']!.set(address, { id: i + 1, ifindex });
  }
  maps['allow']!.set({ from: 1, to: 2, port: 80, protocol: 6, unused: 0 }, 1);
  return { host, maps };
}

/** Linux numbers the packets it makes at random: identification and header checksum are left out. */
function withoutId(hex: string): string {
  return hex.slice(24, 28) === '0800'
    ? `${hex.slice(0, 36)}----${hex.slice(40, 48)}----${hex.slice(52)}`
    : hex;
}

const comparable = (line: string) => {
  const [device, way, hex] = line.split(' ');
  return `${device} ${way} ${withoutId(hex!)}`;
};

describe.each([0, 1])('netkit as in Linux 6.12.117 (shortcut %i)', (shortcut) => {
  it('every device sees the same packets, counters and statistics are the same', async () => {
    const { host, maps } = await boot(shortcut);
    using _host = host;
    const { seen, counts, statistics } = recorded.runs[shortcut]!;
    expect(seen.flat().length).toBeGreaterThan(50);
    for (const [i, { namespace, frame }] of recorded.frames.entries()) {
      using capture = host.net.capture();
      const data = Uint8Array.from(Buffer.from(frame, 'hex'));
      host.net.namespace(namespace).device('eth0').transmit(data);
      const ours = capture.packets.map((packet) => {
        const device = packet.namespace ? `${packet.namespace}/${packet.device}` : packet.device;
        return `${device} ${packet.direction} ${Buffer.from(packet.data).toString('hex')}`;
      });
      // The socket that sends a frame does not see it go out.
      const others = ours.filter((line) => line !== `${namespace}/eth0 out ${frame}`);
      expect(others.map(comparable).sort(), `frame ${i}`).toEqual(seen[i]!.map(comparable).sort());
    }
    const ourCounts = [...maps['counts']!].map(([id, value]) => {
      const { allowed, denied } = value as { allowed: bigint; denied: bigint };
      return [Number(id), Number(allowed), Number(denied)];
    });
    expect(ourCounts.sort()).toEqual(counts);
    const ourStatistics = Object.keys(PODS).map((name) => {
      const { statistics: own } = host.net.namespace(name).device('eth0');
      return [name, own.tx_packets, own.tx_bytes, own.tx_dropped];
    });
    expect(ourStatistics).toEqual(statistics);
  });
});
