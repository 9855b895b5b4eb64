import {
  ETH_IPV6,
  ETHERNET,
  nextHeaderAt,
  put16,
  readIpv4,
  readIpv6,
  sealIpv4,
  u16,
} from './wire.ts';

/** IPPROTO_FRAGMENT, and the size of its header. */
const FRAGMENT = 44;
const FRAGMENT_HEADER = 8;

const MORE = 0x2000;

/**
 * A frame in pieces that fit (ip_do_fragment, ip6_fragment). What stands before the payload is
 * repeated; `id` is for IPv6, whose packets have none until they are in pieces.
 */
export function fragmentsOf(data: Uint8Array, mtu: number, id: number): Uint8Array[] {
  return u16(data, 12) === ETH_IPV6 ? piecesOfIpv6(data, mtu, id) : piecesOfIpv4(data, mtu);
}

function piecesOfIpv4(data: Uint8Array, mtu: number): Uint8Array[] {
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

function piecesOfIpv6(data: Uint8Array, mtu: number, id: number): Uint8Array[] {
  const header = readIpv6(data);
  if (typeof header === 'string' || header.fragment) return [];
  const { payload, end, protocol } = header;
  const room = (mtu - (payload - ETHERNET) - FRAGMENT_HEADER) & ~7;
  if (room <= 0) return [];
  const start = payload + FRAGMENT_HEADER;
  const pieces: Uint8Array[] = [];
  for (let at = payload; at < end; at += room) {
    const next = Math.min(at + room, end);
    const piece = new Uint8Array(start + next - at);
    piece.set(data.subarray(0, payload));
    piece[nextHeaderAt(data, payload)] = FRAGMENT;
    piece[payload] = protocol;
    put16(piece, payload + 2, (at - payload) | (next < end ? 1 : 0));
    put16(piece, payload + 6, id);
    piece.set(data.subarray(at, next), start);
    put16(piece, ETHERNET + 4, piece.length - ETHERNET - 40);
    pieces.push(piece);
  }
  return pieces;
}
