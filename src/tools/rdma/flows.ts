/** What the queue pairs of a capture do: operations, lost packets, refusals. */
import type { DissectedLayer } from '../../packet/index.ts';

/** Packets for one queue pair from one sender. */
export interface RdmaFlow {
  readonly from: string;
  readonly to: string;
  readonly queuePair: number;
  packets: number;
  /** Of data, without headers and padding. */
  bytes: number;
  /** Packets by operation: 'RC SEND first', 'RC ACK', … */
  readonly operations: Record<string, number>;
  /** Places where sequence numbers of requests jump ahead, and how many numbers are missing. */
  gaps: number;
  missing: number;
  /** Requests whose number had been seen before. */
  retransmissions: number;
  /** Acknowledgements that refuse, by reason. */
  readonly naks: Record<string, number>;
  /** Receiver not ready. */
  notReady: number;
  /** Packets that are damaged or cut off; nothing else of them is counted. */
  damaged: number;
}

interface Entry {
  readonly flow: RdmaFlow;
  /** Numbers that the next request may have: several after a read, whose packets are not known. */
  expected: readonly number[] | undefined;
}

const PSN_MASK = 0xffffff;
const MTUS = [256, 512, 1024, 2048, 4096];
const RESPONSE = /response|ACK$/;
const NUMBER = / \(\d+\)$/;
/** Flows that are kept apart; a capture of noise has no end of them. */
const FLOWS_MAX = 100_000;

/**
 * Follows the queue pairs of a capture, packet by packet.
 *
 * @example
 * const flows = new RdmaFlows();
 * for (const bytes of packets) flows.add(dissect(bytes));
 * flows.all; // [{ from: '10.0.0.1', queuePair: 17, gaps: 1, retransmissions: 3, … }]
 */
export class RdmaFlows {
  readonly #entries = new Map<string, Entry>();
  /** Packets that were no RoCE. */
  others = 0;
  /** Packets of queue pairs beyond the limit. */
  beyond = 0;

  /** In the order their first packets came. */
  get all(): RdmaFlow[] {
    return Array.from(this.#entries.values(), ({ flow }) => flow);
  }

  /** A packet, taken apart. */
  add(layers: readonly DissectedLayer[]): void {
    const at = layers.findIndex(({ protocol }) => protocol === 'BTH');
    const ip = layers.findLast(({ protocol }, i) => i < at && /^IPv[46]$/.test(protocol));
    if (!ip) {
      this.others++;
      return;
    }
    const own = layers.slice(at);
    const entry = this.#entryFor(ip.values, own[0]!.values);
    if (!entry) this.beyond++;
    else count(entry, own);
  }

  #entryFor(
    ip: DissectedLayer['values'],
    { queuePair }: DissectedLayer['values'],
  ): Entry | undefined {
    const [from, to] = [String(ip['source']), String(ip['destination'])];
    // A header that is cut off names no queue pair.
    const number = (queuePair as number | undefined) ?? 0;
    const key = `${from} ${to} ${number}`;
    let entry = this.#entries.get(key);
    if (entry || this.#entries.size >= FLOWS_MAX) return entry;
    entry = { flow: newFlow(from, to, number), expected: undefined };
    this.#entries.set(key, entry);
    return entry;
  }
}

const newFlow = (from: string, to: string, queuePair: number): RdmaFlow => ({
  from,
  to,
  queuePair,
  packets: 0,
  bytes: 0,
  operations: {},
  gaps: 0,
  missing: 0,
  retransmissions: 0,
  naks: {},
  notReady: 0,
  damaged: 0,
});

function count(entry: Entry, layers: readonly DissectedLayer[]): void {
  const { flow } = entry;
  flow.packets++;
  if (layers.some(({ problems }) => problems.length > 0)) {
    flow.damaged++;
    return;
  }
  const [bth] = layers;
  const field = bth!.fields.find(({ name }) => name === 'opcode')!;
  const operation = field.text.replace(NUMBER, '');
  add(flow.operations, operation);
  flow.bytes += dataSize(layers);
  const aeth = layers.find(({ protocol }) => protocol === 'AETH');
  if (aeth) countAnswer(flow, aeth);
  if (operation.startsWith('RC ') && !RESPONSE.test(operation)) {
    follow(entry, bth!.values['psn'] as number, readLength(operation, layers));
  }
}

const add = (counts: Record<string, number>, key: string) => {
  counts[key] = (counts[key] ?? 0) + 1;
};

function dataSize(layers: readonly DissectedLayer[]): number {
  const data = layers.find(({ protocol }) => protocol === 'data');
  const size = data ? data.end - data.start : 0;
  return Math.max(0, size - (layers[0]!.values['padCount'] as number));
}

function countAnswer(flow: RdmaFlow, { fields, values }: DissectedLayer): void {
  const kind = (values['syndrome'] as number) >> 5;
  const text = fields.find(({ name }) => name === 'syndrome')!.text;
  if (kind === 1) flow.notReady++;
  else if (kind !== 0) add(flow.naks, text.replace(/^NAK: /, ''));
}

/** Bytes that a read asks for; undefined for other requests. */
function readLength(operation: string, layers: readonly DissectedLayer[]): number | undefined {
  if (operation !== 'RC READ request') return undefined;
  const reth = layers.find(({ protocol }) => protocol === 'RETH');
  return (reth?.values['length'] as number | undefined) ?? 0;
}

function follow(entry: Entry, psn: number, length: number | undefined): void {
  const { flow, expected } = entry;
  if (expected && !expected.includes(psn)) {
    const ahead = Math.min(...expected.map((one) => (psn - one) & PSN_MASK));
    if (ahead > PSN_MASK / 2) {
      flow.retransmissions++;
      return;
    }
    flow.gaps++;
    flow.missing += ahead;
  }
  entry.expected = numbersBehind(psn, length);
}

function numbersBehind(psn: number, length: number | undefined): number[] {
  const takes =
    length === undefined ? [1] : MTUS.map((mtu) => Math.max(1, Math.ceil(length / mtu)));
  return takes.map((packets) => (psn + packets) & PSN_MASK);
}
