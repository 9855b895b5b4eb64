import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import {
  type KeyField,
  keyFields,
  packetFor,
  packetRoles,
  parseRange,
} from '../../src/tools/collide/index.ts';

const object = parseObject(readFileSync('examples/hash-collisions/flows.bpf.o'));
const { keyTypeId } = object.maps.find((map) => map.name === 'flows')!;
const fields = keyFields(object.btf!, keyTypeId);
const field = (name: string, size: number): KeyField => ({
  name,
  offset: 0,
  size,
  bigEndian: false,
});

it('a key is its numbers, in their order of bytes', () => {
  expect(fields.slice(0, 6)).toEqual([
    { name: 'saddr', offset: 0, size: 4, bigEndian: true },
    { name: 'daddr', offset: 4, size: 4, bigEndian: true },
    { name: 'sport', offset: 8, size: 2, bigEndian: true },
    { name: 'dport', offset: 10, size: 2, bigEndian: true },
    { name: 'protocol', offset: 12, size: 1, bigEndian: false },
    { name: 'pad[0]', offset: 13, size: 1, bigEndian: false },
  ]);
});

describe('ranges', () => {
  it('are numbers, addresses, networks', () => {
    const range = (text: string, size = 4) => {
      const { from, to, bigEndian } = parseRange(field('x', size), text);
      return [Number(from), Number(to), bigEndian];
    };
    expect(range('80')).toEqual([80, 80, false]);
    expect(range('1024-65535', 2)).toEqual([1024, 65535, false]);
    expect(range('0x10-0x1F')).toEqual([16, 31, false]);
    expect(range('10.1.2.3/8')).toEqual([0x0a000000, 0x0affffff, true]);
    expect(range('255.255.255.255')).toEqual([0xffffffff, 0xffffffff, true]);
    expect(range('0.0.0.0/0')).toEqual([0, 0xffffffff, true]);
  });

  it('of any text are ranges, or RangeErrors', () => {
    const part = fc.constantFrom('0x', '-', '.', '/', '255', '10', '1', 'f', ' ', '999999999999');
    const text = fc.oneof(
      fc.string(),
      fc.array(part).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(1, 2, 4, 8), (given, size) => {
        try {
          const { from, to } = parseRange(field('x', size), given);
          return from <= to && from >= 0n && to < 1n << BigInt(8 * size);
        } catch (error) {
          return error instanceof RangeError;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('packets', () => {
  const roles = packetRoles(fields);
  const key = (protocol: number) =>
    Uint8Array.of(10, 1, 2, 3, 192, 0, 2, 9, 0x1f, 0x90, 0, 53, protocol, 0, 0, 0);

  it.each([6, 17])('of protocol %i hold the key, and sound headers', (protocol) => {
    const packet = Buffer.from(packetFor(key(protocol), roles));
    expect(packet.readUInt16BE(12)).toBe(0x800);
    expect([...packet.subarray(26, 38)]).toEqual([...key(protocol).subarray(0, 12)]);
    expect(packet[23]).toBe(protocol);
    let sum = 0;
    for (let at = 14; at < 34; at += 2) sum += packet.readUInt16BE(at);
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
    expect(packet.readUInt16BE(16)).toBeLessThanOrEqual(packet.length - 14);
  });

  it('cannot hold every key', () => {
    expect(() => packetRoles([field('cookie', 8)])).toThrow(/no packet has.*'cookie'/);
    expect([...packetRoles([field('id.src_ip', 4), field('__pad', 2)]).keys()]).toEqual(['source']);
  });
});
