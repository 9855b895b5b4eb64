import type { DissectedLayer } from '../../../packet/index.ts';
import type { Message } from './types.ts';

/** A packet of RoCE as it came. */
export interface ReceivedMessage extends Message {
  /** Number of the operation. */
  readonly opcode: number;
  readonly version: number;
  readonly partition: number;
  /** Address it came from. */
  readonly from: string;
  /** A router marked it: congestion experienced. */
  readonly isMarked: boolean;
}

/** Both bits of explicit congestion notification. */
const CONGESTION = 3;
/** Numbers of operations that a name does not follow: 'RC SEND only (4)'. */
const NUMBER = / \(\d+\)$/;

/**
 * What a frame says, by the fields of all its headers; undefined if it is damaged. `layers`: the
 * frame taken apart, with a base transport header.
 */
export function receivedMessage(
  frame: Uint8Array,
  layers: readonly DissectedLayer[],
): ReceivedMessage | undefined {
  const from = layers.findIndex(({ protocol }) => protocol === 'BTH');
  const own = layers.slice(from);
  if (own.some(({ problems }) => problems.length > 0)) return undefined;
  const ip = layers.findLast(({ protocol }, i) => i < from && /^IPv[46]$/.test(protocol));
  const values = Object.assign({}, ...own.map((layer) => layer.values)) as Record<string, number>;
  const text = own[0]!.fields.find(({ name }) => name === 'opcode')!.text;
  const contents = own.find(({ protocol }) => protocol === 'data');
  const length = (contents ? contents.end - contents.start : 0) - values['padCount']!;
  // More padding than data is no packet.
  if (!ip || length < 0) return undefined;
  const start = contents?.start ?? 0;
  const traffic = (ip.values['tos'] ?? ip.values['trafficClass'] ?? 0) as number;
  return {
    ...(values as unknown as ReceivedMessage),
    operation: text.replace(NUMBER, ''),
    ackRequest: values['ackRequest'] === 1,
    from: String(ip.values['source']),
    isMarked: (traffic & CONGESTION) === CONGESTION,
    data: frame.slice(start, start + length),
  };
}
