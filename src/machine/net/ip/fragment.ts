import { ETHERNET, put16, readIpv4, sealIpv4, u16 } from './wire.ts';

const MORE = 0x2000;

/** An IPv4 frame in pieces that fit (ip_do_fragment). Options of the header are repeated. */
export function fragmentsOf(data: Uint8Array, mtu: number): Uint8Array[] {
  const header = readIpv4(data);
  if (typeof header === 'string') return [];
  const size = header.payload - ETHERNET;
  const room = (mtu - size) & ~7;
  if (room <= 0) return [];
  const first = u16(data, ETHERNET + 6);
  const pieces: Uint8Array[] = [];
  for (let at = header.payload; at < header.end; at += room) {
    const end = Math.min(at + room, header.end);
    const piece = new Uint8Array(header.payload + end - at);
    piece.set(data.subarray(0, header.payload));
    piece.set(data.subarray(at, end), header.payload);
    put16(piece, ETHERNET + 2, size + end - at);
    const offset = (first & 0x1fff) + ((at - header.payload) >> 3);
    put16(piece, ETHERNET + 6, offset | (end < header.end ? MORE : first & MORE));
    sealIpv4(piece);
    pieces.push(piece);
  }
  return pieces;
}
