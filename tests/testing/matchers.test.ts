import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe } from 'vitest';
import { writeCapture } from '../../src/tools/pcap/index.ts';
import { anyPacket } from '../../src/testing/fast-check.ts';
import {
  ethernet,
  expect,
  ipv4,
  ipv6,
  machine,
  packet,
  tcp,
  test,
  udp,
} from '../../src/testing/index.ts';
import { messageOf } from './message.ts';

const here = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const RATELIMIT = here('examples/typed-import/ratelimit.bpf.o');

describe('toEqualPacket', () => {
  const sent = packet(ethernet(), ipv4({ ttl: 63 }), udp({ destinationPort: 53 }), 'question');

  test('takes bytes and results', async () => {
    expect(sent).toEqualPacket(sent.slice());
    expect({ data: sent }).toEqualPacket(sent);
    using host = await machine({ devices: { eth0: {} } });
    expect(host.devices.eth0.receive(sent)).toEqualPacket(sent);
  });

  test('names the fields that differ', () => {
    const wanted = packet(ethernet(), ipv4({ ttl: 64 }), udp({ destinationPort: 54 }), 'question');
    const text = messageOf(() => expect(sent).toEqualPacket(wanted));
    expect(text).toContain('IPv4 ttl: 63, not 64');
    expect(text).toContain('UDP destinationPort: 53, not 54');
  });

  test('names a byte where no header differs, a header where another one is, and lengths', () => {
    const wanted = packet(ethernet(), 'abc');
    const byte = messageOf(() => expect(packet(ethernet(), 'abd')).toEqualPacket(wanted));
    expect(byte).toContain('byte 16: 0x64, not 0x63');
    const other = packet(ethernet(), ipv6(), tcp());
    const text = messageOf(() => expect(other).toEqualPacket(packet(ethernet(), ipv4(), tcp())));
    expect(text).toContain('74 bytes, not 54');
    expect(text).toContain('IPv6 where IPv4 was expected');
  });
});

describe('toVerifyOn', () => {
  test('accepts what the kernels accept', async () => {
    await expect(RATELIMIT).toVerifyOn(['6.1', '6.12']);
    await expect(new Uint8Array(readFileSync(RATELIMIT))).toVerifyOn('6.12');
  });

  test('says which kernel rejects which program, and what it lacks', async () => {
    const owned = here('examples/fair/fair.bpf.o');
    await expect(owned).not.toVerifyOn('6.1');
    await expect(expect(owned).toVerifyOn(['6.1', '6.12'])).rejects.toThrow(
      /expected 6.1, 6.12 to accept the object\n {2}\w+ on 6\.1: .*\n {4}needs /,
    );
    await expect(expect(owned).toVerifyOn('6.6')).rejects.toThrow(/6\.1 and 6\.12, not of '6\.6'/);
    const none = expect(owned).toVerifyOn('6.12', { programs: ['nobody'] });
    await expect(none).rejects.toThrow("no program 'nobody'");
  });
});

describe('toReplay', () => {
  const capture = writeCapture(
    [1, 1, 2, 1, 1].map((host, i) => ({
      data: packet(ethernet(), ipv4({ source: `10.0.0.${host}` }), tcp()),
      time: 1_700_000_000_000_000_000n + BigInt(i) * 1_000_000n,
    })),
  );

  test('plays a capture: verdicts, packets sent, maps, as the snapshot says', async () => {
    using host = await machine({ devices: { eth0: {} } });
    const { programs, maps } = await host.load(RATELIMIT, { globals: { limit: 2n } });
    programs['ratelimit']!.attach({ device: 'eth0' });
    expect(host).toReplay(capture, { maps: { seen: maps['seen']! } });
    expect(maps['seen']!.size).toBe(2);
  });
});

describe('toHaveNoLeakedReferences', () => {
  test('is met when maps free what they own', async () => {
    const host = await machine({ devices: { eth0: {} } });
    const { programs } = await host.load(here('examples/fair/fair.bpf.o'));
    expect(Object.keys(programs).length).toBeGreaterThan(0);
    expect(host).toHaveNoLeakedReferences();
  });

  test('says what is left', async () => {
    const host = await machine();
    const { programs } = await host.load(here('tests/machine/programs/leak.bpf.o'));
    programs['leak']!.run({ data: new Uint8Array(64) });
    expect(messageOf(() => expect(host).toHaveNoLeakedReferences())).toMatch(/\d+ of type \w+/);
  });
});

describe('anyPacket', () => {
  test('a program never faults and gives one of its verdicts, whatever comes', async () => {
    using host = await machine();
    const { programs } = await host.load(RATELIMIT);
    const property = fc.property(anyPacket(), (data) => {
      expect(data.length).toBeGreaterThanOrEqual(14);
      expect(programs['ratelimit']!.run({ data })).toHaveVerdict(['pass', 'drop']);
    });
    fc.assert(property, { numRuns: 200 });
  });
});
