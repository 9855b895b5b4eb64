/**
 * Ones' complement sum of 16-bit words of `bytes` from `start` to `end`, added to `sum` (RFC 1071);
 * an odd byte at the end counts as if a zero followed. `foldChecksum` makes the checksum of it.
 */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  for (let at = start; at + 1 < end; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if ((end - start) & 1) total += bytes[end - 1]! << 8;
  return total;
}

/** The 16 bits that a header carries for a sum. */
export function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** CRC-32 of Ethernet and of RoCE's invariant CRC, reflected. */
const CRC32: Int32Array = crcTable(0xedb88320);
/** CRC-32C of SCTP, reflected. */
const CRC32C: Int32Array = crcTable(0x82f63b78);

function crcTable(polynomial: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    return crc;
  });
}

/** State of a CRC after more bytes; begin with `CRC_START`, end with `endCrc`. */
export const crc32 = (state: number, bytes: Uint8Array): number => crc(CRC32, state, bytes);
export const crc32c = (state: number, bytes: Uint8Array): number => crc(CRC32C, state, bytes);
export const CRC_START = -1;
export const endCrc = (state: number): number => ~state >>> 0;

function crc(table: Int32Array, state: number, bytes: Uint8Array): number {
  let now = state;
  for (let at = 0; at < bytes.length; at++) now = table[(now ^ bytes[at]!) & 255]! ^ (now >>> 8);
  return now;
}
