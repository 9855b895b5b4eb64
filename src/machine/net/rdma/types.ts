import type { RoceMessage } from '../../../packet/index.ts';

/** A packet of RoCE without its Ethernet, IP and UDP headers. */
export interface Message extends RoceMessage {
  readonly data: Uint8Array;
}

/** How a work request ended (enum ibv_wc_status, by meaning). */
export type CompletionStatus =
  | 'success'
  | 'retry exceeded'
  | 'receiver not ready'
  | 'invalid request'
  | 'remote access error'
  | 'remote operational error'
  | 'flushed';

/** What became of a work request. */
export interface Completion {
  readonly queuePair: number;
  /** Number that posting it gave. */
  readonly request: number;
  readonly operation: 'send' | 'write' | 'read' | 'compare swap' | 'fetch add' | 'receive';
  readonly status: CompletionStatus;
  /** What a read brought, what was there before an atomic operation, what was received. */
  readonly data?: Uint8Array;
  readonly immediate?: number;
}

/** Counters of a device, named as rxe names its hardware counters. */
export interface RdmaCounters {
  sent_pkts: number;
  rcvd_pkts: number;
  duplicate_request: number;
  out_of_seq_request: number;
  rcvd_rnr_err: number;
  send_rnr_err: number;
  rcvd_seq_err: number;
  retry_exceeded_err: number;
  retry_rnr_exceeded_err: number;
  completer_retry_err: number;
  rdma_sends: number;
  rdma_recvs: number;
  /** Not of rxe: packets whose invariant CRC is wrong. */
  icrc_err: number;
}

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
