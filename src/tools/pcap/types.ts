/**
 * Captures as columns. A batch holds typed arrays, one entry per packet, and offsets into the bytes
 * that were read: nothing is allocated or copied per packet.
 */

/** Which file format a capture is in. */
export type CaptureFormat = 'pcap' | 'pcapng';

/** An interface packets were captured on. Classic pcap has exactly one. */
export interface CaptureInterface {
  /** Position in `CaptureReader.interfaces`, counted over all sections of the file. */
  readonly id: number;
  /** Position in its own section: what pcapng blocks call it. */
  readonly idInSection: number;
  /** LINKTYPE_* of the capture file registry. */
  readonly linkType: number;
  /** Bytes kept of each packet; 0 = no limit. */
  readonly snapLength: number;
  /** The if_name option. */
  readonly name: string | undefined;
  /** Timestamps per second is `base ** exponent`: 10 ** 6 for microseconds. */
  readonly resolution: { readonly base: 2 | 10; readonly exponent: number };
  /** Seconds to add to every timestamp (if_tsoffset). */
  readonly timeOffset: bigint;
}

/** A pcapng block that is no packet: kept so that a copy of the capture can have it too. */
export interface OtherBlock {
  /** It stands before this packet of the batch (or at its end, if equal to `count`). */
  readonly before: number;
  readonly type: number;
  /** The whole block, from its type to its trailing length. */
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
}

/** A stretch of bytes that is to be read. `base` is the file offset of byte 0, for messages. */
export interface ByteRange {
  readonly at: number;
  readonly end: number;
  readonly base: number;
}

/** Up to `capacity` packets. Valid until the reader gets more bytes. */
export interface PacketBatch {
  readonly capacity: number;
  count: number;
  /** What `start` and `recordStart` index. */
  bytes: Uint8Array;
  /** Where `bytes` starts in a larger memory, if the reader's storage is part of one. */
  address: number | undefined;
  /** First captured byte. */
  readonly start: Uint32Array;
  /** Bytes captured. */
  readonly length: Uint32Array;
  /** Bytes the packet had on the wire. */
  readonly wireLength: Uint32Array;
  /** Index into `CaptureReader.interfaces`. */
  readonly interfaceId: Uint32Array;
  /** Nanoseconds since 1970, two words per packet: low half, high half. */
  readonly time: Uint32Array;
  /** The record or block that holds the packet, header included. */
  readonly recordStart: Uint32Array;
  readonly recordLength: Uint32Array;
  /** Other blocks met while this batch was filled, in file order. */
  others: OtherBlock[];
}

/** An empty batch for `capacity` packets, to be filled again and again. */
export function createBatch(capacity: number): PacketBatch {
  return {
    capacity,
    count: 0,
    bytes: new Uint8Array(0),
    address: undefined,
    start: new Uint32Array(capacity),
    length: new Uint32Array(capacity),
    wireLength: new Uint32Array(capacity),
    interfaceId: new Uint32Array(capacity),
    time: new Uint32Array(capacity * 2),
    recordStart: new Uint32Array(capacity),
    recordLength: new Uint32Array(capacity),
    others: [],
  };
}

/** Nanoseconds since 1970 of packet `i`. */
export function packetTime(batch: PacketBatch, i: number): bigint {
  return (BigInt(batch.time[2 * i + 1]!) << 32n) | BigInt(batch.time[2 * i]!);
}

/**
 * Most bytes one packet may have. The same bound as Wireshark's and libpcap's for ordinary links: a
 * larger number is a damaged file, and believing it would swallow the rest of the capture.
 */
export const MAX_PACKET = 262144;
/** Most bytes one pcapng block may have. */
export const MAX_BLOCK = 16 * 1024 * 1024;
