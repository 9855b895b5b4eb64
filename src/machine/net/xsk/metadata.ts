import { foldChecksum, sumWords } from '../../../packet/index.ts';
import type { Umem } from './umem.ts';

/** Requests of struct xsk_tx_metadata. */
export const XDP_TXMD_FLAGS_TIMESTAMP = 1;
export const XDP_TXMD_FLAGS_CHECKSUM = 2;

const KNOWN = XDP_TXMD_FLAGS_TIMESTAMP | XDP_TXMD_FLAGS_CHECKSUM;
/** Offsets in the struct. */
const REQUEST = 8;
const TIMESTAMP = 8;

/** What a packet in the send ring asks of the device. */
export interface SendRequest {
  /** Where its metadata are. */
  readonly at: number;
  readonly timestamp: boolean;
  /** Where the sum begins and where it goes, in the packet. */
  readonly checksum: { readonly start: number; readonly at: number } | undefined;
}

/**
 * Reads the metadata in front of a packet of `length` bytes at `address`. Undefined: they ask for
 * what nothing knows (xsk_buff_valid_tx_metadata), or for a checksum outside the packet.
 */
export function readRequest(umem: Umem, address: number, length: number): SendRequest | undefined {
  const at = address - umem.metadataLength;
  const view = new DataView(umem.memory, at, umem.metadataLength);
  const flags = view.getBigUint64(0, true);
  if ((flags & ~BigInt(KNOWN)) !== 0n) return undefined;
  const timestamp = (flags & BigInt(XDP_TXMD_FLAGS_TIMESTAMP)) !== 0n;
  if ((flags & BigInt(XDP_TXMD_FLAGS_CHECKSUM)) === 0n) {
    return { at, timestamp, checksum: undefined };
  }
  const start = view.getUint16(REQUEST, true);
  const place = start + view.getUint16(REQUEST + 2, true);
  if (place + 2 > length) return undefined;
  return { at, timestamp, checksum: { start, at: place } };
}

/**
 * Completes a checksum: the field holds the sum of the pseudo-header, as senders with checksum
 * offload leave it.
 */
export function fillChecksum(
  packet: Uint8Array,
  { start, at }: { start: number; at: number },
): void {
  const sum = foldChecksum(sumWords(packet, start, packet.length));
  const value = sum === 0 ? 0xffff : sum;
  packet[at] = value >> 8;
  packet[at + 1] = value & 0xff;
}

/** The device says when it sent the packet; `at`: where its metadata are. */
export function writeTimestamp(umem: Umem, at: number, time: bigint): void {
  new DataView(umem.memory, at, umem.metadataLength).setBigUint64(TIMESTAMP, time, true);
}
