import { foldChecksum, sumWords } from '../checksum.ts';
import { flags, hex, ip, uint } from '../fields.ts';
import { type Builder, protocol } from '../protocol.ts';
import { IP_PROTOCOLS } from './numbers.ts';

const FIXED = 20;
/** For experiments (RFC 3692): what a header carries that says nothing of itself. */
const EXPERIMENT = 253;

const fields = {
  version: uint(4),
  headerWords: uint(4),
  tos: hex(8),
  totalLength: uint(16),
  id: uint(16),
  flags: flags('RESERVED', 'DF', 'MF'),
  fragmentOffset: uint(13),
  ttl: uint(8),
  protocol: uint(8, IP_PROTOCOLS),
  checksum: hex(16),
  source: ip(32),
  destination: ip(32),
};

/** IPv4; 10.0.0.1 to 10.0.0.2 with a TTL of 64 unless given. `options` are padded to 32 bits. */
export const ipv4: Builder<typeof fields> = protocol({
  name: 'IPv4',
  fields,
  numbers: { ethertype: 0x0800, ip: 4 },
  optionsAlign: 4,
  complete: ({ header, body, next }) => ({
    version: 4,
    headerWords: header / 4,
    totalLength: header + body,
    ttl: 64,
    protocol: next?.ip ?? EXPERIMENT,
    source: '10.0.0.1',
    destination: '10.0.0.2',
  }),
  sums: [
    { field: 'checksum', compute: ({ packet, start, body }) => checksum(packet, start, body) },
  ],
  options: ({ headerWords }) => (headerWords as number) * 4 - FIXED,
  length: ({ totalLength }) => totalLength as number,
  next: ({ protocol: number, fragmentOffset }) =>
    fragmentOffset === 0 ? { by: 'ip', number: number as number } : undefined,
});

/** The header's checksum as if its own field were zero. */
function checksum(bytes: Uint8Array, start: number, body: number): number {
  return foldChecksum(sumWords(bytes, start + 12, body, sumWords(bytes, start, start + 10)));
}
