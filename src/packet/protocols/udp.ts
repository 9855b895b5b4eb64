import { hex, uint } from '../fields.ts';
import { type Builder, type Placed, protocol } from '../protocol.ts';
import { transportChecksum } from './transport.ts';

const NUMBER = 17;
const DISCARD = 9;

const fields = {
  sourcePort: uint(16),
  destinationPort: uint(16),
  length: uint(16),
  checksum: hex(16),
};

/** UDP. A checksum of 0 says that there is none. */
export const udp: Builder<typeof fields> = protocol({
  name: 'UDP',
  fields,
  numbers: { ip: NUMBER },
  complete: ({ header, body, next }) => ({
    sourcePort: 40_000,
    destinationPort: next?.udpPort ?? DISCARD,
    length: header + body,
  }),
  sums: [{ field: 'checksum', none: 0, compute: checksum }],
  length: ({ length }) => length as number,
  next: ({ sourcePort, destinationPort }) => ({
    by: 'udp port',
    number: destinationPort as number,
    // Answers come from the well-known port.
    otherwise: sourcePort as number,
  }),
});

function checksum(place: Placed): number | undefined {
  const computed = transportChecksum(place, NUMBER, 6);
  return computed === 0 ? 0xffff : computed;
}
