import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dissect } from '../../src/packet/index.ts';
import { RdmaDevice } from '../../src/machine/net/rdma/device.ts';
import type { QueuePairOptions } from '../../src/kernel/index.ts';
import { EventQueue } from '../../src/runtime/events.ts';

/** What becomes of a frame on the wire. */
type Fate = 'arrives' | 'lost' | 'twice' | 'damaged';

/** Two devices and the wire between them, which keeps its order. */
class Pair {
  readonly clock: { clock: bigint } = { clock: 0n };
  readonly events: EventQueue = new EventQueue(this.clock);
  readonly frames: Uint8Array[] = [];
  readonly addresses: readonly [string, string];
  readonly #queue: (() => void)[] = [];
  readonly fate: (frame: Uint8Array) => Fate;
  readonly one: RdmaDevice;
  readonly other: RdmaDevice;

  constructor(
    fate: (frame: Uint8Array) => Fate = () => 'arrives',
    [a, b] = ['10.0.0.1', '10.0.0.2'],
  ) {
    this.fate = fate;
    this.one = this.#device(a!, () => this.other);
    this.other = this.#device(b!, () => this.one);
    this.addresses = [a!, b!];
  }

  #device(address: string, target: () => RdmaDevice): RdmaDevice {
    return new RdmaDevice({
      events: this.events,
      mtu: 1024,
      now: () => Number(this.clock.clock),
      sourceFor: () => address,
      send: (frame) => this.#wire(frame, target),
      perform: (action) => action(),
      passes: () => true,
    });
  }

  #wire(frame: Uint8Array, target: () => RdmaDevice): void {
    this.frames.push(frame);
    const fate = this.fate(frame);
    const arrives = fate === 'damaged' ? frame.with(frame.length - 6, frame.at(-6)! ^ 1) : frame;
    for (let i = fate === 'lost' ? 0 : fate === 'twice' ? 2 : 1; i > 0; i--) {
      this.#queue.push(() => expect(target().receive(arrives)).toBe(true));
    }
  }

  connect(options: QueuePairOptions = {}) {
    const [first, second] = [this.one.nextQueuePair, this.other.nextQueuePair];
    const one = this.one.connect(
      { address: this.addresses[1], queuePair: second },
      { ...options, psn: 0xfffffe },
    );
    const other = this.other.connect(
      { address: this.addresses[0], queuePair: first },
      { ...options, peerPsn: 0xfffffe },
    );
    return { one, other };
  }

  /** Until nothing is on the wire, and for so long. */
  run(time = 10_000_000_000): void {
    const end = Number(this.clock.clock) + time;
    for (;;) {
      while (this.#queue.length > 0) this.#queue.shift()!();
      if (this.events.next > end) return;
      this.events.advance(this.events.next);
    }
  }
}

const numbers = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => i * 7);
const statuses = (device: RdmaDevice) =>
  device.completions.map(({ operation, status }) => `${operation}: ${status}`);

describe('RDMA over Ethernet', () => {
  test('a message of several packets arrives where a receive was posted', () => {
    const pair = new Pair();
    const { one, other } = pair.connect();
    other.postReceive(new Uint8Array(4000));
    one.post({ operation: 'send', data: numbers(3000), immediate: 7 });
    pair.run();
    expect(statuses(pair.one)).toEqual(['send: success']);
    expect(pair.other.completions).toEqual([
      {
        queuePair: 17,
        request: 1,
        operation: 'receive',
        status: 'success',
        data: numbers(3000),
        immediate: 7,
      },
    ]);
    expect(pair.frames.length).toBe(4);
    expect(
      pair.frames.flatMap((frame) => dissect(frame).flatMap(({ problems }) => problems)),
    ).toEqual([]);
  });

  test('memory is written, read and changed atomically, as far as its key allows', () => {
    const pair = new Pair();
    const { one } = pair.connect();
    const bytes = new Uint8Array(8192);
    const region = pair.other.register(bytes, { read: true, write: true, atomic: true });
    const { remoteKey } = region;
    one.post({ operation: 'write', data: numbers(5000), address: region.address + 8n, remoteKey });
    one.post({ operation: 'read', length: 5000, address: region.address + 8n, remoteKey });
    one.post({ operation: 'fetch add', swap: 5n, address: region.address, remoteKey });
    one.post({
      operation: 'compare swap',
      compare: 5n,
      swap: 9n,
      address: region.address,
      remoteKey,
    });
    pair.run();
    expect(pair.one.completions.map(({ status }) => status)).toEqual(Array(4).fill('success'));
    expect(pair.one.completions[1]!.data).toEqual(numbers(5000));
    expect(new DataView(pair.one.completions[3]!.data!.buffer).getBigUint64(0, true)).toBe(5n);
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(9n);
    expect(bytes.subarray(8, 5008)).toEqual(numbers(5000));
  });

  test.each([
    ['a key that is not there', { remoteKey: 1 }],
    ['an address behind the region', { offset: 4090n }],
    ['a region that may only be read', { access: { read: true } }],
  ])(
    '%s: remote access error, and the connection ends',
    (_, {
      remoteKey,
      offset = 0n,
      access,
    }: {
      remoteKey?: number;
      offset?: bigint;
      access?: { read: boolean };
    }) => {
      const pair = new Pair();
      const { one } = pair.connect();
      const region = pair.other.register(new Uint8Array(4096), access ?? { write: true });
      const address = region.address + offset;
      one.post({
        operation: 'write',
        data: numbers(8),
        address,
        remoteKey: remoteKey ?? region.remoteKey,
      });
      one.post({ operation: 'send', data: numbers(8) });
      pair.run();
      expect(statuses(pair.one)).toEqual(['write: remote access error', 'send: flushed']);
      expect(one.usable).toBe(false);
    },
  );

  test('a lost packet: the responder says so once, everything from it on comes again', () => {
    let count = 0;
    const pair = new Pair(() => (++count === 2 ? 'lost' : 'arrives'));
    const { one, other } = pair.connect();
    other.postReceive(new Uint8Array(8000));
    one.post({ operation: 'send', data: numbers(5000) });
    pair.run();
    expect(statuses(pair.one)).toEqual(['send: success']);
    expect(pair.other.completions[0]!.data).toEqual(numbers(5000));
    expect(pair.other.counters).toMatchObject({ out_of_seq_request: 3, duplicate_request: 0 });
    expect(pair.one.counters).toMatchObject({ rcvd_seq_err: 1, completer_retry_err: 1 });
  });

  test('no receive was posted: it is tried again until there is one, or given up', () => {
    const pair = new Pair();
    const { one, other } = pair.connect({ rnrRetries: 2 });
    one.post({ operation: 'send', data: numbers(8) });
    pair.events.at(1_000_000, () => other.postReceive(new Uint8Array(8)));
    pair.run();
    one.post({ operation: 'send', data: numbers(8) });
    pair.run();
    expect(statuses(pair.one)).toEqual(['send: success', 'send: receiver not ready']);
    expect(pair.one.counters.rcvd_rnr_err).toBe(5);
  });

  test('the other side is gone: retries, then an error', () => {
    const pair = new Pair(() => 'lost');
    const { one } = pair.connect({ retries: 3 });
    one.post({ operation: 'send', data: numbers(8) });
    pair.run();
    expect(statuses(pair.one)).toEqual(['send: retry exceeded']);
    expect(pair.one.counters).toMatchObject({ sent_pkts: 4, retry_exceeded_err: 1 });
  });

  test('whatever the wire loses, doubles or damages: each operation is done once, in order', () => {
    const fates = fc.array(
      fc.constantFrom<Fate>('arrives', 'arrives', 'arrives', 'lost', 'twice', 'damaged'),
      {
        minLength: 40,
        maxLength: 40,
      },
    );
    const kinds = fc.array(fc.constantFrom('send', 'add', 'read', 'write'), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(fates, kinds, fc.constantFrom(256, 1024), (wire, asked, mtu) => {
        let at = 0;
        const pair = new Pair(() => wire[at++] ?? 'arrives');
        const { one, other } = pair.connect({ mtu, retries: 100 });
        const bytes = new Uint8Array(4096);
        const region = pair.other.register(bytes, { read: true, write: true, atomic: true });
        const { remoteKey, address } = region;
        let adds = 0n;
        asked.forEach((kind, i) => {
          if (kind === 'send') {
            other.postReceive(new Uint8Array(2000));
            one.post({ operation: 'send', data: new Uint8Array(1500).fill(i) });
          } else if (kind === 'add') {
            one.post({ operation: 'fetch add', swap: 1n, address, remoteKey });
            adds++;
          } else if (kind === 'read')
            one.post({ operation: 'read', length: 1000, address, remoteKey });
          else
            one.post({
              operation: 'write',
              data: new Uint8Array(900).fill(i),
              address: address + 1024n,
              remoteKey,
            });
        });
        pair.run(600_000_000_000);
        expect(pair.one.completions.map(({ request, status }) => [request, status])).toEqual(
          asked.map((_, i) => [i + 1, 'success']),
        );
        const received = pair.other.completions.map(({ data }) => data![0]);
        expect(received).toEqual(asked.flatMap((kind, i) => (kind === 'send' ? [i] : [])));
        expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(adds);
      }),
      { numRuns: 150 },
    );
  });
});
