import { CRC_START, crc32c, endCrc } from '../checksum.ts';
import { hex, uint } from '../fields.ts';
import { type Builder, type Placed, protocol } from '../protocol.ts';

const CHECKSUM = 8;
const ZEROS = new Uint8Array(4);

const fields = {
  sourcePort: uint(16),
  destinationPort: uint(16),
  verificationTag: hex(32),
  checksum: hex(32),
};

/** SCTP: the common header. Chunks are what it carries. */
export const sctp: Builder<typeof fields> = protocol({
  name: 'SCTP',
  fields,
  numbers: { ip: 132 },
  complete: () => ({ sourcePort: 40_000, destinationPort: 9 }),
  sums: [{ field: 'checksum', compute: checksum }],
});

/** CRC-32C of all with zeros for the checksum, its lowest byte first. */
function checksum({ packet, start, end }: Placed): number {
  let state = crc32c(CRC_START, packet.subarray(start, start + CHECKSUM));
  state = crc32c(state, ZEROS);
  const crc = endCrc(crc32c(state, packet.subarray(start + CHECKSUM + 4, end)));
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, crc, true);
  return view.getUint32(0);
}
