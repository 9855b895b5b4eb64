import type { RdmaCompletion } from '../../../kernel/index.ts';
import type { RoceMessage } from '../../../packet/index.ts';

/** A packet of RoCE without its Ethernet, IP and UDP headers. */
export interface Message extends RoceMessage {
  readonly data: Uint8Array;
}

/** A completion before its queue pair is known. */
export type Done = Omit<RdmaCompletion, 'queuePair'>;

/** Syndromes of an ACK extended header. */
export const ACK = 0x1f;
export const RNR_NAK = 0x20;
export const NAK_SEQUENCE = 0x60;
export const NAK_INVALID = 0x61;
export const NAK_ACCESS = 0x62;
export const NAK_OPERATIONAL = 0x63;

const PSN_MASK = 0xffffff;

/** Packet sequence numbers have 24 bits and go round. */
export const psnAdd = (psn: number, count: number): number => (psn + count) & PSN_MASK;

/** How far `psn` is ahead of `other`: negative when it is behind. */
export function psnDiff(psn: number, other: number): number {
  const ahead = (psn - other) & PSN_MASK;
  return ahead > PSN_MASK / 2 ? ahead - PSN_MASK - 1 : ahead;
}

/** Place of part `i` of `count` in a message. */
export function placeOf(i: number, count: number): 'only' | 'first' | 'middle' | 'last' {
  if (count === 1) return 'only';
  if (i === 0) return 'first';
  return i === count - 1 ? 'last' : 'middle';
}

/** Packets that so many bytes take; a message of none takes one. */
export const packetsFor = (bytes: number, mtu: number): number =>
  Math.max(1, Math.ceil(bytes / mtu));
