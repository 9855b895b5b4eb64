import { flags, hex, uint } from '../fields.ts';
import { type Builder, protocol } from '../protocol.ts';
import { transportChecksum } from './transport.ts';

const NUMBER = 6;
const FIXED = 20;
const CHECKSUM = 16;

const fields = {
  sourcePort: uint(16),
  destinationPort: uint(16),
  sequence: uint(32),
  acknowledgment: uint(32),
  headerWords: uint(4),
  reserved: uint(4),
  flags: flags('CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'),
  window: uint(16),
  checksum: hex(16),
  urgent: uint(16),
};

/** TCP. `options`: see tcpOptions; they are padded to 32 bits. */
export const tcp: Builder<typeof fields> = protocol({
  name: 'TCP',
  fields,
  numbers: { ip: NUMBER },
  optionsAlign: 4,
  complete: ({ header }) => ({
    sourcePort: 40_000,
    destinationPort: 80,
    headerWords: header / 4,
    window: 65_535,
  }),
  sums: [{ field: 'checksum', compute: (place) => transportChecksum(place, NUMBER, CHECKSUM) }],
  options: ({ headerWords }) => (headerWords as number) * 4 - FIXED,
  describe: describeOptions,
});

/** Options of TCP as one writes them. */
export interface TcpOptions {
  readonly mss?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  readonly timestamps?: { readonly value: number; readonly echo: number };
  /** Blocks of sequence numbers: from, to. */
  readonly sack?: readonly (readonly [number, number])[];
}

/** The bytes of options, for `tcp({ options })`. */
export function tcpOptions(options: TcpOptions): Uint8Array {
  const bytes: number[] = [];
  const word = (value: number) => [
    value >>> 24,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  ];
  const { mss, windowScale, sackPermitted, timestamps, sack } = options;
  if (mss !== undefined) bytes.push(2, 4, mss >> 8, mss & 255);
  if (sackPermitted) bytes.push(4, 2);
  if (timestamps) bytes.push(8, 10, ...word(timestamps.value), ...word(timestamps.echo));
  if (windowScale !== undefined) bytes.push(3, 3, windowScale);
  if (sack) bytes.push(5, 2 + sack.length * 8, ...sack.flatMap((block) => block.flatMap(word)));
  return Uint8Array.from(bytes);
}

const OPTION: Readonly<Record<number, (data: DataView) => string | undefined>> = {
  2: (data) => sized(data, 2, () => `MSS ${data.getUint16(0)}`),
  3: (data) => sized(data, 1, () => `window scale ${data.getUint8(0)}`),
  4: (data) => sized(data, 0, () => 'SACK permitted'),
  5: (data) => `SACK of ${data.byteLength >> 3} blocks`,
  8: (data) => sized(data, 8, () => `timestamps ${data.getUint32(0)}, ${data.getUint32(4)}`),
};

const sized = (data: DataView, size: number, text: () => string): string | undefined =>
  data.byteLength === size ? text() : undefined;

function describeOptions(bytes: Uint8Array): string {
  const all: string[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    if (bytes[at] === 1) {
      at++;
      continue;
    }
    const [kind, length = 0] = bytes.subarray(at, at + 2);
    if (length < 2 || at + length > bytes.length) return [...all, 'broken'].join(', ');
    const data = new DataView(bytes.buffer, bytes.byteOffset + at + 2, length - 2);
    all.push(OPTION[kind!]?.(data) ?? `option ${kind} of ${length} bytes`);
    at += length;
  }
  return all.join(', ');
}
