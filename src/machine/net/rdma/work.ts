/** Work requests, and the packets they become. */
import { KernelError } from '../../../base/index.ts';
import type { WorkRequest } from '../../../kernel/index.ts';
import { type Message, packetsFor, placeOf, psnAdd } from './types.ts';

/** A work request that is not done. */
export interface Work extends WorkRequest {
  readonly request: number;
  readonly psn: number;
  /** Packets of the request, or of the answer to a read. */
  readonly packets: number;
  /** Bytes that a read has brought so far. */
  readonly answer: Uint8Array[];
}

/** A message is not longer (RXE_PORT_MAX_MSG_SZ). */
const MESSAGE_MAX = 2 ** 31;
const NOTHING = new Uint8Array();
/** Which operations take which members. */
const TAKES: Readonly<Record<WorkRequest['operation'], readonly (keyof WorkRequest)[]>> = {
  send: ['data', 'immediate', 'invalidate'],
  write: ['data', 'immediate', 'address', 'remoteKey'],
  read: ['length', 'address', 'remoteKey'],
  'compare swap': ['swap', 'compare', 'address', 'remoteKey'],
  'fetch add': ['swap', 'address', 'remoteKey'],
};

export const isAtomic = ({ operation }: WorkRequest): boolean =>
  operation === 'compare swap' || operation === 'fetch add';

/** An acknowledgement alone does not end it: it brings data. */
export const isAnswered = (work: WorkRequest): boolean =>
  work.operation === 'read' || isAtomic(work);

/** Throws KernelError EINVAL. */
export function checkWork(work: WorkRequest): void {
  const takes = TAKES[work.operation];
  if (!takes) throw invalid(`there is no operation '${work.operation}'`);
  for (const [name, value] of Object.entries(work)) {
    if (name === 'operation' || value === undefined) continue;
    if (!takes.includes(name as keyof WorkRequest)) {
      throw invalid(`'${work.operation}' takes no '${name}'`);
    }
  }
  if (work.immediate !== undefined && work.invalidate !== undefined) {
    throw invalid(`'${work.operation}' takes 'immediate' or 'invalidate', not both`);
  }
  const { length = 0 } = work;
  if (Number.isInteger(length) && length >= 0 && length <= MESSAGE_MAX) return;
  throw invalid(`a length of ${length} bytes (0 to 2^31)`);
}

const invalid = (why: string): KernelError => new KernelError('EINVAL', 22, why);

/** How many sequence numbers a request takes. */
export function packetsOf(work: WorkRequest, mtu: number): number {
  if (work.operation === 'read') return packetsFor(work.length ?? 0, mtu);
  return packetsFor(work.data?.length ?? 0, mtu);
}

/** The packet of a request with sequence number `work.psn + i`. */
export function packetOf(work: Work, i: number, queuePair: number, mtu: number): Message {
  const { address = 0n, remoteKey = 0 } = work;
  const psn = psnAdd(work.psn, i);
  const base = { queuePair, psn, ackRequest: true, data: NOTHING };
  if (work.operation === 'read') {
    // What has come need not come again.
    const length = (work.length ?? 0) - i * mtu;
    const from = address + BigInt(i * mtu);
    return { ...base, operation: 'RC READ request', address: from, remoteKey, length };
  }
  if (isAtomic(work)) {
    const operation = work.operation === 'fetch add' ? 'RC FETCH ADD' : 'RC COMPARE SWAP';
    const { swap = 0n, compare = 0n } = work;
    return { ...base, operation, address, remoteKey, swap, compare };
  }
  return dataPacket(work, i, { queuePair, psn, mtu });
}

/** So that the sender of a long message hears of it while it goes on (RXE_MAX_PKT_PER_ACK). */
const PACKETS_PER_ACK = 64;

function dataPacket(
  work: Work,
  i: number,
  { queuePair, psn, mtu }: { queuePair: number; psn: number; mtu: number },
): Message {
  const { address = 0n, remoteKey = 0, data = NOTHING, immediate, invalidate } = work;
  const isLast = i === work.packets - 1;
  const place = placeOf(i, work.packets);
  const kind = work.operation.toUpperCase();
  return {
    queuePair,
    psn,
    ackRequest: isLast || i % PACKETS_PER_ACK === PACKETS_PER_ACK - 1,
    operation: `RC ${kind} ${place}${isLast ? suffix(work) : ''}`,
    ...(work.operation === 'write' && i === 0 ? { address, remoteKey, length: data.length } : {}),
    ...(isLast && immediate !== undefined ? { immediate } : {}),
    ...(isLast && invalidate !== undefined ? { remoteKey: invalidate } : {}),
    data: data.slice(i * mtu, (i + 1) * mtu),
  };
}

function suffix({ immediate, invalidate }: WorkRequest): string {
  if (immediate !== undefined) return ' with immediate';
  return invalidate === undefined ? '' : ' with invalidate';
}
