import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as p from '../../src/packet/index.ts';

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g)!, (pair) => Number.parseInt(pair, 16));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const names = (bytes: Uint8Array, first?: string): string[] =>
  p.dissect(bytes, first).map(({ protocol }) => protocol);
const problems = (bytes: Uint8Array): string[] => p.dissect(bytes).flatMap((one) => one.problems);

/** Headers that carry what follows, in stacks that make sense. */
const STACKS = {
  'UDP over IPv4': [p.ethernet(), p.ipv4(), p.udp({ destinationPort: 53 }), 'question'],
  'TCP with options over IPv6': [
    p.ethernet(),
    p.ipv6({ source: '2001:db8::1', destination: '2001:db8::2' }),
    p.tcp({
      flags: 'SYN',
      options: p.tcpOptions({ mss: 1460, windowScale: 7, sackPermitted: true }),
    }),
  ],
  'ICMP in two VLANs': [
    p.ethernet(),
    p.vlan({ id: 5 }),
    p.vlan({ id: 6, priority: 3 }),
    p.ipv4(),
    p.icmp(),
    'ping',
  ],
  'ICMPv6 behind extension headers': [
    p.ethernet(),
    p.ipv6(),
    p.hopByHop({ options: fromHex('0502 0000 0100') }),
    p.routing({ type: 2, options: fromHex('00000000 20010db8000000000000000000000001') }),
    p.destinationOptions({ options: new Uint8Array(6) }),
    p.icmpv6(),
    'ping',
  ],
  SCTP: [p.ethernet(), p.ipv4(), p.sctp({ verificationTag: 1 }), fromHex('0100 0004')],
  'VXLAN of TCP': [
    p.ethernet(),
    p.ipv4(),
    p.udp({ checksum: 0 }),
    p.vxlan({ vni: 42 }),
    p.ethernet(),
    p.ipv4(),
    p.tcp({ flags: 'PSH ACK' }),
    'data',
  ],
  'Geneve of UDP over IPv6': [
    p.ethernet(),
    p.ipv6(),
    p.udp(),
    p.geneve({ vni: 7, options: fromHex('0102 80 01 00000005') }),
    p.ethernet(),
    p.ipv6(),
    p.udp(),
    'odd',
  ],
  'GRE with key': [
    p.ethernet(),
    p.ipv4(),
    p.gre({ flags: 'KEY', options: fromHex('0000002a') }),
    p.ipv4(),
    p.udp(),
    'x',
  ],
  ARP: [
    p.ethernet({ destination: 'ff:ff:ff:ff:ff:ff' }),
    p.arp({ sender: '10.0.0.1', target: '10.0.0.2' }),
  ],
} as const;

describe('packets', () => {
  test.each(Object.entries(STACKS))('%s is taken apart as it was put together', (_, stack) => {
    const bytes = p.packet(...stack);
    const asked = stack.map((layer) =>
      typeof layer === 'object' && 'protocol' in layer ? layer.protocol!.name : 'data',
    );
    expect(names(bytes)).toEqual(asked);
    expect(problems(bytes)).toEqual([]);
  });

  test('a packet known from the wire: bytes and checksums', () => {
    const known = fromHex(`ffffffffffff 000c29000001 0800
      45000073 0000 4000 40 11 b861 c0a80001 c0a800c7 ${'0035 0035 005f 0000'} ${'00'.repeat(87)}`);
    const [, header] = p.dissect(known);
    expect(header!.problems).toEqual([]);
    expect(header!.values['checksum']).toBe(0xb861);
    const made = p.packet(
      p.ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '00:0c:29:00:00:01' }),
      p.ipv4({ flags: 'DF', source: '192.168.0.1', destination: '192.168.0.199' }),
      p.udp({ sourcePort: 53, destinationPort: 53, checksum: 0 }),
      new Uint8Array(87),
    );
    expect(toHex(made)).toBe(toHex(known));
  });

  test('what is given stays as it is given, and is reported when it is wrong', () => {
    const bytes = p.packet(
      p.ethernet(),
      p.ipv4({ checksum: 1, ttl: 3 }),
      p.udp({ checksum: 2 }),
      'x',
    );
    expect(problems(bytes)).toEqual([
      expect.stringMatching(/^checksum is 0x1, right is 0x[0-9a-f]+$/),
      expect.stringMatching(/^checksum is 0x2, right is 0x[0-9a-f]+$/),
    ]);
    const short = p.packet(p.ethernet(), p.ipv4({ totalLength: 400 }), p.udp(), 'x');
    expect(problems(short)).toContain('it says 400 bytes: 29 are there, 20 needed');
  });

  test('values that do not fit and fields that are not there are named', () => {
    expect(() => p.packet(p.ipv4({ ttl: 256 }))).toThrow('IPv4 ttl: 256 does not fit into 8 bits');
    expect(() => p.packet(p.ipv4({ source: 'x' }))).toThrow("'x' is no IPv4 address");
    expect(() => p.ipv4({ tll: 1 } as object)).toThrow("IPv4 has no field 'tll'");
    expect(() => p.packet(p.tcp({ flags: 'SIN' }))).toThrow("no flag 'SIN'");
    expect(() => p.dissect(new Uint8Array(4), 'IPX')).toThrow("no protocol 'IPX'");
  });

  test('padding behind IP is no contents; later fragments have no UDP header', () => {
    const inside = p.packet(p.ethernet(), p.ipv4(), p.udp({ destinationPort: 9999 }), 'a');
    const padded = new Uint8Array(60);
    padded.set(inside);
    expect(names(padded)).toEqual(['Ethernet', 'IPv4', 'UDP', 'data', 'padding']);
    expect(problems(padded)).toEqual([]);
    const later = p.packet(p.ethernet(), p.ipv4({ fragmentOffset: 3, protocol: 17 }), 'rest');
    expect(names(later)).toEqual(['Ethernet', 'IPv4', 'data']);
  });

  test('options of TCP are told', () => {
    const options = p.tcpOptions({ mss: 1460, timestamps: { value: 7, echo: 9 }, sack: [[1, 2]] });
    const layer = p.dissect(p.packet(p.ethernet(), p.ipv4(), p.tcp({ options })))[2]!;
    expect(layer.options).toBe('MSS 1460, timestamps 7, 9, SACK of 1 blocks');
  });

  test('bytes of any kind are taken apart without an exception, every byte in one layer', () => {
    const stack = fc.constantFrom(...Object.values(STACKS));
    const damaged = fc
      .tuple(stack, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }), fc.nat(120))
      .map(([layers, changes, cut]) => {
        const bytes = p.packet(...layers);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes.subarray(0, Math.max(0, bytes.length - cut));
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 120 })), (bytes) => {
        const layers = p.dissect(bytes);
        let at = 0;
        for (const { start, end } of layers) {
          expect(start).toBe(at);
          at = end;
        }
        expect(at).toBeGreaterThanOrEqual(bytes.length - 8);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('RoCE', () => {
  /** A write of 16 bytes that a card put on the wire, with its invariant CRC. */
  const captured = fromHex(`123456789abc 7cb27d62c1ef 0800
    4500004c 00010000 4011f54c c0a80201 c0a80202  01f412b7 0038ffa6
    0a00ffff 00000002 00000000  0000000000001230 00000000 00000010
    000102030405060708090a0b0c0d0e0f ca47470e`);

  test('the invariant CRC of a capture is right', () => {
    const layers = p.dissect(captured);
    expect(layers.map(({ protocol }) => protocol)).toEqual([
      'Ethernet',
      'IPv4',
      'UDP',
      'BTH',
      'RETH',
      'data',
    ]);
    expect(layers.find(({ protocol }) => protocol === 'BTH')!.problems).toEqual([]);
    const damaged = captured.slice();
    damaged[70]! ^= 1;
    const bth = p.dissect(damaged).find(({ protocol }) => protocol === 'BTH')!;
    expect(bth.problems).toEqual([expect.stringMatching(/^ICRC is 0x/)]);
  });

  test('what routers change does not change it', () => {
    const routed = captured.slice();
    routed[14 + 8] = 3;
    const bth = p.dissect(routed).find(({ protocol }) => protocol === 'BTH')!;
    expect(bth.problems).toEqual([]);
  });

  test('the same message is built to the same bytes', () => {
    const data = Uint8Array.from({ length: 16 }, (_, i) => i);
    const made = p.packet(
      p.ethernet({ destination: '12:34:56:78:9a:bc', source: '7c:b2:7d:62:c1:ef' }),
      p.ipv4({ id: 1, source: '192.168.2.1', destination: '192.168.2.2' }),
      p.udp({ sourcePort: 500, checksum: 0xffa6 }),
      ...p.roce(
        {
          operation: 'RC WRITE only',
          queuePair: 2,
          psn: 0,
          address: 0x1230n,
          remoteKey: 0,
          length: 16,
        },
        data,
      ),
    );
    expect(toHex(made)).toBe(toHex(captured));
  });

  test('every operation of every transport is taken apart with its headers, on IPv4 and IPv6', () => {
    for (const { name, extensions } of p.roceOpcodes) {
      for (const ip of [p.ipv4(), p.ipv6()]) {
        const message = p.roce({ operation: name, queuePair: 9, psn: 0xffffff }, 'hello');
        const bytes = p.packet(p.ethernet(), ip, p.udp(), ...message);
        const found = p.dissect(bytes);
        expect(found.slice(3).map(({ protocol }) => protocol)).toEqual([
          'BTH',
          ...extensions,
          'data',
        ]);
        expect(found.flatMap((one) => one.problems)).toEqual([]);
      }
    }
  });
});
