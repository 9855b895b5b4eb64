import { createMachine } from 'beeyard';
import { expect, test } from 'vitest';
import ratelimit from './ratelimit.bpf.o';

/** An Ethernet frame with an IPv4 header from 10.0.0.`host`. */
function packet(host: number): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([0x08, 0x00, 0x45], 12);
  bytes.set([10, 0, 0, host], 26);
  return bytes;
}

test('a source may send as many packets as the limit says', async () => {
  using host = await createMachine({ devices: { eth0: {} } });
  const { programs, maps, globals } = await host.load(ratelimit, { globals: { limit: 2n } });
  using link = programs.ratelimit.attach({ device: 'eth0' });
  const verdicts = [1, 1, 1, 2].map((one) => host.devices.eth0.receive(packet(one)).verdict);
  expect(verdicts).toEqual(['pass', 'pass', 'drop', 'pass']);
  expect(maps.seen.get('10.0.0.1')).toEqual({ packets: 3n, dropped: 1n, last: 'OVER_LIMIT' });
  expect(maps.reasons.get('ALLOWED')).toEqual([3n]);
  expect(globals.get('dropped')).toBe(1n);
  expect(link.program.id).toBeGreaterThan(0);
});

test('what is blocked is dropped and reported, in and out', async () => {
  using host = await createMachine();
  const settings = { name: 'test' };
  const { programs, maps } = await host.load(ratelimit, { globals: { settings } });
  maps.blocked.set('10.0.0.0/30', 1);
  expect(programs.ratelimit.run({ data: packet(3) }).verdict).toBe('drop');
  expect(programs.ratelimit.run({ data: packet(4) }).verdict).toBe('pass');
  const [record] = maps.events.drain('event');
  expect(record?.value).toEqual({ address: 0x0300000a, reason: 'BLOCKED', name: 'test' });
  expect(programs.outgoing.run({ data: packet(4) }).verdict).toBe('pass');
});
