import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadObject } from '../../src/client/index.ts';
import { bootMachine, type MachineMap, type MachineProgram } from '../../src/machine/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { hashStats, mapHashes } from '../../src/runtime/index.ts';
import { beeyard, workFolder } from '../cli/helpers.ts';
import { packetsOf } from './firewall-model.ts';

const OBJECT = 'examples/hash-collisions/flows.bpf.o';
const COUNT = 60;
const RANGES = ['saddr=10.0.0.0/8', 'daddr=192.0.2.1', 'sport=1024-65535', 'dport=53'];
const files = workFolder();
const object = parseObject(readFileSync(OBJECT));

/** Chain lengths after the packets of the capture went through a program. */
async function chains(pcap: string, name: string, map: string, settings: object) {
  const { machine } = await bootMachine(settings);
  const { maps, programs } = loadObject(machine, object);
  const program = programs.get(name) as MachineProgram;
  for (const packet of packetsOf(Buffer.from(files.read(pcap))))
    program.run({ data: packet.bytes });
  return hashStats(machine.runtime, (maps.get(map) as MachineMap).runtimeMap).chains;
}

it('packets that collide share a bucket with a known seed, and only there', async () => {
  const out = files.path('x.pcap');
  const args = ['--count', String(COUNT), ...RANGES.flatMap((range) => ['--field', range])];
  const { code } = await beeyard(['map', 'collide', OBJECT, 'flows', ...args, '--out', out]);
  expect(code).toBe(0);
  const known = await chains('x.pcap', 'count_flows', 'flows', {});
  expect(known).toHaveLength(COUNT + 1);
  expect(known[COUNT]).toBe(1);
  const seeded = await chains('x.pcap', 'count_seeded_flows', 'seeded_flows', { seed: 7 });
  expect(seeded.length).toBeLessThan(5);
  for (const mapHash of mapHashes.filter((hash) => hash !== 'jhash')) {
    const other = await chains('x.pcap', 'count_flows', 'flows', { mapHash });
    expect(other.length, mapHash).toBeLessThan(5);
    expect(other.reduce((sum, buckets, length) => sum + buckets * length, 0)).toBe(COUNT);
  }
});

it.each(mapHashes)('finds keys of one bucket of a seeded map hashed by %s', async (mapHash) => {
  const given = ['--count', '20', '--seed', '7', '--map-hash', mapHash];
  const { json } = await beeyard(['map', 'collide', OBJECT, 'seeded_flows', ...given, '-j']);
  const { keys, buckets } = json<{ keys: string[]; buckets: number }>();
  expect(buckets).toBe(65536);
  expect(new Set(keys).size).toBe(20);
  const { machine } = await bootMachine({ engine: 'interpreter', seed: 7, mapHash });
  const { maps } = loadObject(machine, { ...object, programs: [] });
  const map = maps.get('seeded_flows') as MachineMap;
  for (const key of keys) map.runtimeMap.update(Buffer.from(key, 'hex'), new Uint8Array(16));
  const { chains: lengths } = hashStats(machine.runtime, map.runtimeMap);
  expect(lengths).toHaveLength(21);
});

it('says what it cannot do', async () => {
  const collide = (...args: string[]) => beeyard(['map', 'collide', ...args]);
  expect((await collide(OBJECT, 'flow')).err).toMatch(/no map 'flow'/);
  expect((await collide(OBJECT, 'flows', '--field', 'port=1')).err).toMatch(/no field 'port'/);
  const wide = await collide(OBJECT, 'flows', '--field', 'sport=1-70000');
  expect(wide.err).toMatch(/'1-70000' is no range/);
  expect(wide.code).toBe(2);
  expect((await collide(OBJECT, 'flows', '--bucket', '65536')).err).toMatch(/65536 buckets/);
  const fixed = ['saddr=10.0.0.1', 'daddr=10.0.0.2', 'sport=5', 'dport=1-9', 'protocol=6'];
  const few = await collide(OBJECT, 'flows', ...fixed.flatMap((one) => ['--field', one]));
  expect(few.code).toBe(1);
  expect(few.err).toMatch(/1 keys in bucket \d+ of 65,536; 9 keys tried/);
});

it('hashstats tells chosen keys from chance', async () => {
  const fixed = [
    '--field',
    'saddr=10.0.0.0/8',
    '--field',
    'daddr=1.2.3.4',
    '--field',
    'protocol=6',
  ];
  const found = await beeyard(['map', 'collide', OBJECT, 'flows', ...fixed, '-j']);
  const lines = found.json<{ keys: string[] }>().keys.map((hex) => {
    const key = Buffer.from(hex, 'hex');
    const [saddr, daddr] = [key.readUInt32LE(0), key.readUInt32LE(4)];
    const [sport, dport] = [key.readUInt16LE(8), key.readUInt16LE(10)];
    return JSON.stringify({ saddr, daddr, sport, dport, protocol: 6, pad: [0, 0, 0] });
  });
  const path = files.write('keys.txt', lines.join('\n'));
  const stats = (...args: string[]) =>
    beeyard(['map', 'hashstats', OBJECT, 'flows', path, ...args]);
  expect((await stats()).out).toMatch(/at most 16 in one[^]*these keys collide with this seed/);
  expect((await stats('--map-hash', 'xxh3')).out).not.toMatch(/collide/);
});
