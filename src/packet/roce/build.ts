import { payload } from '../build.ts';
import type { Layer } from '../protocol.ts';
import { bth, extensionBuilders } from './headers.ts';
import { opcodeNamed } from './opcodes.ts';

/** A message of RDMA over Converged Ethernet: what its operation needs of these. */
export interface RoceMessage {
  /** 'RC SEND only', 'RC WRITE first', 'RC ACK', 'UD SEND only', … */
  readonly operation: string;
  readonly queuePair: number;
  /** Packet sequence number, 24 bits. */
  readonly psn: number;
  readonly ackRequest?: boolean;
  readonly partition?: number;
  /** RETH, AtomicETH: where in the other side's memory. */
  readonly address?: bigint;
  /** RETH, AtomicETH, IETH. */
  readonly remoteKey?: number;
  /** RETH: bytes of the whole message. */
  readonly length?: number;
  readonly swap?: bigint;
  readonly compare?: bigint;
  /** AETH: 0 to 31 are an ACK with credits, 0x60 is the NAK of a PSN sequence error. */
  readonly syndrome?: number;
  /** AETH: messages completed. */
  readonly messages?: number;
  /** AtomicAckETH: what was there before. */
  readonly original?: bigint;
  readonly immediate?: number;
  /** DETH */
  readonly queueKey?: number;
  readonly sourceQueuePair?: number;
}

/**
 * The headers of a message with its data, padded to 32 bits: what goes behind `udp()`.
 *
 * @example
 * packet(ethernet(), ipv4(), udp(), ...roce({ operation: 'RC SEND only', queuePair: 17, psn: 0 },
 *   'hello'));
 */
export function roce(message: RoceMessage, data: Uint8Array | string = ''): Layer[] {
  const { operation, queuePair, psn, ackRequest = false, partition, ...rest } = message;
  const { number, extensions } = opcodeNamed(operation);
  const contents = payload(data);
  const padCount = -contents.bytes.length & 3;
  const padded = new Uint8Array(contents.bytes.length + padCount);
  padded.set(contents.bytes);
  // A congestion notification says so by a bit of the header, too.
  const backwardCongestion = operation === 'CNP' ? 1 : 0;
  const request = { ackRequest: ackRequest ? 1 : 0, backwardCongestion };
  const base = { opcode: number, queuePair, psn, padCount, ...request };
  return [
    bth(partition === undefined ? base : { ...base, partition }),
    ...extensions.map((name) => extensionLayer(name, rest)),
    payload(padded),
  ];
}

function extensionLayer(name: string, values: Readonly<Record<string, unknown>>): Layer {
  const build = extensionBuilders.get(name)!;
  const own = Object.keys(build.protocol.fields).filter((field) => values[field] !== undefined);
  return build(Object.fromEntries(own.map((field) => [field, values[field]])) as never);
}
