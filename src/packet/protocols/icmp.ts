import { foldChecksum, sumWords } from '../checksum.ts';
import { hex, uint } from '../fields.ts';
import { type Builder, type Placed, protocol } from '../protocol.ts';
import { transportChecksum } from './transport.ts';

const ICMPV6 = 58;

const icmpFields = {
  type: uint(8, {
    0: 'echo reply',
    3: 'destination unreachable',
    5: 'redirect',
    8: 'echo request',
    11: 'time exceeded',
    12: 'parameter problem',
  }),
  code: uint(8),
  checksum: hex(16),
  id: uint(16),
  sequence: uint(16),
};
const icmpv6Fields = {
  type: uint(8, {
    1: 'destination unreachable',
    2: 'packet too big',
    3: 'time exceeded',
    128: 'echo request',
    129: 'echo reply',
    133: 'router solicitation',
    134: 'router advertisement',
    135: 'neighbour solicitation',
    136: 'neighbour advertisement',
  }),
  code: uint(8),
  checksum: hex(16),
  rest: hex(32),
};

/** ICMP; an echo request unless given. `id` and `sequence`: four bytes behind the checksum. */
export const icmp: Builder<typeof icmpFields> = protocol({
  name: 'ICMP',
  fields: icmpFields,
  numbers: { ip: 1 },
  complete: () => ({ type: 8 }),
  sums: [{ field: 'checksum', compute: ownChecksum }],
});

/** ICMPv6; an echo request unless given. */
export const icmpv6: Builder<typeof icmpv6Fields> = protocol({
  name: 'ICMPv6',
  fields: icmpv6Fields,
  numbers: { ip: ICMPV6 },
  complete: () => ({ type: 128 }),
  sums: [{ field: 'checksum', compute: (place) => transportChecksum(place, ICMPV6, 2) }],
});

function ownChecksum({ packet, start, end }: Placed): number {
  return foldChecksum(sumWords(packet, start + 4, end, sumWords(packet, start, start + 2)));
}
