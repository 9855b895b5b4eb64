/** TCP segments as bytes. */
import { ETHERNET, type IpHeader, put16, sealTransport, TCP, u16 } from '../ip/wire.ts';
import type { Tuple } from './address.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const ECE = 64;
export const CWR = 128;

/** Bytes of a header without options. */
export const HEADER = 20;
const MSS_OPTION = 2;
/** TCP_MSS_DEFAULT: what holds if the peer says nothing. */
export const DEFAULT_MSS = 536;

export interface Segment {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly mss: number;
  readonly data: Uint8Array;
  /** Further options of what is sent: a multiple of four bytes. */
  readonly options?: Uint8Array | undefined;
  /** Of what came, for those who look at headers. */
  readonly headers?: SegmentHeaders;
}

/** The headers of a segment that came: Ethernet, IP from `network`, TCP from `transport`. */
export interface SegmentHeaders {
  readonly bytes: Uint8Array;
  readonly network: number;
  readonly transport: number;
}

/**
 * Reads a segment that `deliver` has found whole; undefined if its header is longer than it. A SYN
 * keeps its headers, the others if they are wanted.
 */
export function readSegment(
  frame: Uint8Array,
  header: IpHeader,
  wanted: boolean,
): Segment | undefined {
  const at = header.payload;
  const size = (frame[at + 12]! >> 4) * 4;
  if (size < HEADER || at + size > header.end) return undefined;
  const keeps = wanted || (frame[at + 13]! & SYN) !== 0;
  const segment = {
    seq: u32(frame, at + 4),
    ack: u32(frame, at + 8),
    flags: frame[at + 13]!,
    window: u16(frame, at + 14),
    mss: mssOf(frame, at + HEADER, at + size),
    data: frame.slice(at + size, header.end),
  };
  if (!keeps) return segment;
  const bytes = frame.slice(0, at + size);
  return { ...segment, headers: { bytes, network: ETHERNET, transport: at } };
}

const u32 = (bytes: Uint8Array, at: number) => ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;

function mssOf(frame: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; ) {
    const kind = frame[at]!;
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = frame[at + 1] ?? 0;
    if (size < 2 || at + size > end) break;
    if (kind === MSS_OPTION && size === 4) return u16(frame, at + 2) || DEFAULT_MSS;
    at += size;
  }
  return DEFAULT_MSS;
}

/** A segment from `local` to `remote`; one with SYN tells its MSS. */
export function makeSegment(ends: Tuple, segment: Segment): Uint8Array {
  const { seq, ack, flags, window, mss, data, options } = segment;
  const own = flags & SYN ? HEADER + 4 : HEADER;
  const size = own + (options?.length ?? 0);
  const bytes = new Uint8Array(size + data.length);
  const view = new DataView(bytes.buffer);
  put16(bytes, 0, ends.localPort);
  put16(bytes, 2, ends.remotePort);
  view.setUint32(4, seq);
  view.setUint32(8, flags & ACK ? ack : 0);
  bytes[12] = (size / 4) << 4;
  bytes[13] = flags;
  put16(bytes, 14, window);
  if (flags & SYN) bytes.set([MSS_OPTION, 4, mss >> 8, mss & 255], HEADER);
  if (options) bytes.set(options, own);
  bytes.set(data, size);
  sealTransport(bytes, 16, { source: ends.local, destination: ends.remote }, TCP);
  return bytes;
}

/** Whether a sequence number comes before another. */
export const seqBefore = (one: number, other: number): boolean => ((one - other) | 0) < 0;
