/**
 * Packets for property tests with fast-check: `beeyard/testing/fast-check`.
 *
 * ```ts
 * import fc from 'fast-check';
 * import { anyPacket } from 'beeyard/testing/fast-check';
 *
 * fc.assert(fc.property(anyPacket(), (bytes) => {
 *   expect(programs.firewall.run({ data: bytes })).toHaveVerdict(['pass', 'drop']);
 * }));
 * ```
 */
import fc, { type Arbitrary } from 'fast-check';
import {
  arp,
  destinationOptions,
  ethernet,
  fragment,
  hopByHop,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  type Layer,
  packet,
  payload,
  routing,
  sctp,
  tcp,
  udp,
  vlan,
} from '../packet/index.ts';

/** What packets there are. */
export interface PacketOptions {
  /** Most bytes behind the headers. Default 64. */
  readonly maxPayload?: number;
  /**
   * Also packets that are cut off, or have some bytes changed. Default true: a program must be able
   * to take them.
   */
  readonly damaged?: boolean;
}

/** Fewer bytes are no Ethernet frame, and Linux runs no program on them. */
const SHORTEST = 14;

const port = (): Arbitrary<number> => fc.integer({ min: 0, max: 65_535 });
const word = (): Arbitrary<number> => fc.nat(0xffff_ffff);
const address4 = (): Arbitrary<string> => fc.ipV4();
const address6 = (): Arbitrary<string> =>
  fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) =>
      Array.from({ length: 8 }, (_, i) =>
        (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16),
      ).join(':'),
    );

const ports = fc.record({ sourcePort: port(), destinationPort: port() });
const FLAGS = ['SYN', 'SYN ACK', 'ACK', 'PSH ACK', 'FIN ACK', 'RST', ''];

const transport4 = (): Arbitrary<Layer | undefined> =>
  fc.oneof(
    fc
      .record({ ports, flags: fc.constantFrom(...FLAGS), sequence: word() })
      .map((one) => tcp({ ...one.ports, flags: one.flags, sequence: one.sequence })),
    ports.map((one) => udp(one)),
    ports.map((one) => sctp(one)),
    fc.integer({ min: 0, max: 18 }).map((type) => icmp({ type })),
    fc.constant(undefined),
  );

const transport6 = (): Arbitrary<Layer | undefined> =>
  fc.oneof(
    transport4(),
    fc.integer({ min: 128, max: 137 }).map((type) => icmpv6({ type })),
  );

const extension = (): Arbitrary<Layer> =>
  fc.constantFrom(hopByHop, destinationOptions, routing, fragment).map((make) => make());

const network = (): Arbitrary<readonly (Layer | undefined)[]> =>
  fc.oneof(
    fc
      .tuple(
        fc.record({ source: address4(), destination: address4(), ttl: fc.nat(255) }),
        transport4(),
      )
      .map(([fields, above]) => [ipv4(fields), above]),
    fc
      .tuple(
        fc.record({ source: address6(), destination: address6() }),
        fc.array(extension(), { maxLength: 3 }),
        transport6(),
      )
      .map(([fields, headers, above]) => [ipv6(fields), ...headers, above]),
    fc.constant([arp()]),
    fc.constant([]),
  );

/**
 * Ethernet frames: VLAN tags, IPv4, IPv6 with extension headers, ARP, TCP, UDP, SCTP, ICMP,
 * anything behind them; whole, cut off, or with bytes changed. At least 14 bytes.
 *
 * @example
 * fc.assert(fc.property(anyPacket({ maxPayload: 8 }), (bytes) => bytes.length >= 14));
 */
export function anyPacket({
  maxPayload = 64,
  damaged = true,
}: PacketOptions = {}): Arbitrary<Uint8Array> {
  const tags = fc.array(fc.integer({ min: 0, max: 4095 }), { maxLength: 2 });
  const contents = fc.uint8Array({ maxLength: maxPayload });
  const whole = fc
    .tuple(tags, network(), contents)
    .map(([ids, layers, bytes]) =>
      packet(
        ethernet(),
        ...ids.map((id) => vlan({ id })),
        ...layers.filter((one) => one !== undefined),
        payload(bytes),
      ),
    );
  return damaged ? fc.oneof({ weight: 3, arbitrary: whole }, cutOff(whole), changed(whole)) : whole;
}

function cutOff(whole: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> {
  return fc
    .tuple(whole, fc.nat(200))
    .map(([bytes, length]) => bytes.slice(0, Math.max(SHORTEST, Math.min(length, bytes.length))));
}

function changed(whole: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 4 });
  return fc.tuple(whole, changes).map(([bytes, wanted]) => {
    const copy = bytes.slice();
    for (const [at, value] of wanted) copy[at % copy.length] = value;
    return copy;
  });
}
