import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { ethernet, ipv4, ipv6, packet, payload, udp, vlan } from '../../src/packet/index.ts';

const object = readFileSync('examples/vf-monitor/monitor.bpf.o');

interface Sample {
  ifindex: number;
  direction: number;
  rate: number;
  length: number;
  captured: number;
  header: number[];
}

describe.each(['wasm', 'interpreter'] as const)(
  'the monitor of virtual functions (%s)',
  (engine) => {
    const boot = async (globals: { sample_rate?: number }) => {
      const host = await createMachine({
        engine,
        seed: 3,
        devices: { eth0: { kind: 'nic', eswitch: 'switchdev', vfs: 2 } },
      });
      const { programs, maps } = await host.load(object, { globals });
      programs['from_vf']!.attach({ device: 'pf0vf0', direction: 'ingress' });
      const send = (data: Uint8Array) => host.net.namespace('').device('eth0v0').transmit(data);
      return { host, maps, send };
    };

    it('counts IPv4, IPv6, tagged and other frames by what they are', async () => {
      const { host, maps, send } = await boot({});
      using _host = host;
      const four = ipv4({ source: '10.0.0.1', destination: '10.0.0.2' });
      const six = ipv6({ source: 'fd00::1', destination: 'fd00::2' });
      const ports = udp({ sourcePort: 1, destinationPort: 2 });
      const frames = [
        packet(ethernet(), four, ports, payload(10)),
        packet(ethernet(), four, ports, payload(20)),
        packet(ethernet(), vlan({ id: 5 }), four, ports, payload(10)),
        packet(ethernet(), six, ports, payload(10)),
        packet(ethernet({ type: 0x88b5 }), payload(46)),
      ];
      for (const frame of frames) send(frame);
      const bytes = frames.reduce((sum, { length }) => sum + length, 0);
      const { ifindex } = host.net.namespace('').device('pf0vf0');
      const all = maps['ports']!.get({ ifindex, direction: 0 });
      expect(all).toEqual({ packets: 5n, bytes: BigInt(bytes) });
      const flows = [...maps['flows']!] as unknown as [
        { version: number; source_port: number },
        { packets: bigint; bytes: bigint },
      ][];
      const seen = flows.map(([key, count]) => [key.version, key.source_port, count.packets]);
      expect(seen.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
        [4, 256, 3n],
        [6, 256, 1n],
      ]);
    });

    it('samples one packet in N, with its headers; the estimate is near', async () => {
      const { host, maps, send } = await boot({ sample_rate: 10 });
      using _host = host;
      const frame = packet(ethernet(), ipv4(), udp(), payload(200));
      const short = packet(ethernet(), ipv4(), udp());
      for (let i = 0; i < 2000; i++) send(i % 2 === 0 ? frame : short);
      const samples = [...maps['samples']!.drain('sample')].map(
        ({ value }) => value as unknown as Sample,
      );
      const estimate = samples.reduce((sum, { rate, length }) => sum + rate * length, 0);
      const truth = 1000 * (frame.length + short.length);
      // 2000 packets, one in ten: 200 samples, their number within four deviations of 14.
      expect(Math.abs(samples.length - 200)).toBeLessThan(56);
      expect(Math.abs(estimate / truth - 1)).toBeLessThan(0.35);
      for (const { captured, header, length } of samples) {
        const of = length === frame.length ? frame : short;
        expect(captured).toBe(length === frame.length ? 64 : 42);
        expect([...header].slice(0, captured)).toEqual([...of.subarray(0, captured)]);
      }
    });
  },
);
