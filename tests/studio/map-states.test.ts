import { expect, test } from 'vitest';
import { createMachine, readCapture } from '../../src/index.ts';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { mapStates } from '../../studio/src/engine/map-states.ts';

const here = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const CAPTURE = readFileSync(here('examples/firewall/capture.pcap.gz'));

test('maps as the studio shows them: hash, per CPU, LPM, ring buffer, globals', async () => {
  using host = await createMachine({ cpus: 2, devices: { eth0: {} } });
  const loaded = await host.load(here('examples/typed-import/ratelimit.bpf.o'));
  const { programs, maps } = loaded;
  maps['blocked']!.set('100.103.0.0/16' as never, 1 as never);
  const packets = readCapture(gunzipSync(CAPTURE)).packets.slice(0, 500);
  for (const { data } of packets) programs['ratelimit']!.run({ data, device: 'eth0' });
  const states = Object.fromEntries(mapStates(loaded).map((one) => [one.name, one]));
  const { seen, reasons, blocked, events } = states;
  expect(seen).toMatchObject({ type: 'lru_hash', columns: ['packets', 'dropped', 'last'] });
  expect(seen!.entries.length + seen!.more).toBe(maps['seen']!.size);
  expect(reasons!.columns).toEqual(['CPU 0', 'CPU 1']);
  const blockedRow = reasons!.entries.find(({ key }) => key === 'BLOCKED');
  expect(blockedRow!.cells).toHaveLength(2);
  expect(blocked!.entries).toMatchObject([{ key: '100.103.0.0/16' }]);
  expect(events!.columns).toContain('reason');
  const reasonAt = events!.columns.indexOf('reason');
  expect(events!.entries.map(({ cells }) => cells[reasonAt])).toContain('BLOCKED');
  expect(states['.rodata']!.columns).toContain('limit');
});

test('queues from the oldest, stacks from the newest; what cannot be listed says so', async () => {
  using host = await createMachine();
  const loaded = await host.load(here('tests/fixtures/oracle/map-helpers.bpf.o'));
  for (const name of ['queue', 'stack']) {
    for (const value of [5, 6]) loaded.maps[name]!.push(value as never);
  }
  const states = Object.fromEntries(mapStates(loaded).map((one) => [one.name, one]));
  const values = (name: string) => states[name]!.entries.flatMap(({ cells }) => cells);
  expect(values('queue')).toEqual(['5', '6']);
  expect(values('stack')).toEqual(['6', '5']);
  expect(states['bloom']!.closed).toBe('entries of a bloom_filter cannot be listed');
});
