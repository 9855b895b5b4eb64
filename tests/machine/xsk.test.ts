import { describe, expect, test } from 'vitest';
import { errnos } from '../../src/abi/index.ts';
import { dissect, ethernet, ipv4, packet, udp } from '../../src/packet/index.ts';
import { Ring } from '../../src/machine/net/xsk/ring.ts';
import { type PoolOptions, XskPool } from '../../src/machine/net/xsk/pool.ts';
import { XDP_PKT_CONTD, XDP_TX_METADATA } from '../../src/machine/net/xsk/sender.ts';
import { type RingSizes, XskSocket } from '../../src/machine/net/xsk/socket.ts';
import { Umem, type UmemOptions } from '../../src/machine/net/xsk/umem.ts';

const no = (name: string): number => -errnos[name]!;

/** A socket on a queue that keeps what is sent, and says that it is sent when it is told to. */
function bound(
  options: Partial<UmemOptions> & PoolOptions & RingSizes & { multiBuffer?: boolean } = {},
  { late = false, refuse = false } = {},
) {
  const sent: Uint8Array[] = [];
  const onTheWay: (() => void)[] = [];
  const pool = XskPool.of(new Umem({ size: 16 * 4096, ...options }), options);
  const socket = XskSocket.of(pool, options, options.multiBuffer);
  socket.bind({
    up: true,
    send: (bytes) => (refuse ? no('EBUSY') : (sent.push(bytes), 0)),
    now: () => 1234n,
    whenSent: (run) => void (late ? onTheWay.push(run) : run()),
  });
  return { socket, sent, pool, umem: pool.umem, onTheWay };
}

describe('AF_XDP', () => {
  test('rings go round, with counters that wrap at 2^32', () => {
    const ring = new Ring(4, 'descriptors');
    new Uint32Array(ring.memory)[0] = 0xfffffffe;
    new Uint32Array(ring.memory)[16] = 0xfffffffe;
    for (let i = 0; i < 4; i++) expect(ring.push(i * 4096, i + 1, i & 1)).toBe(true);
    expect([ring.push(0), ring.free, ring.filled]).toEqual([false, 0, 4]);
    expect([0, 1, 2, 3].map(() => ring.pop())).toEqual(
      [0, 1, 2, 3].map((i) => ({ address: i * 4096, offset: 0, length: i + 1, options: i & 1 })),
    );
    expect(ring.pop()).toBeUndefined();
  });

  test.each<[string, Partial<UmemOptions>]>([
    ['small chunks', { chunkSize: 1024 }],
    ['chunks beyond a page', { chunkSize: 8192 }],
    ['chunks that are no power of 2', { chunkSize: 3000 }],
    ['part of a chunk', { size: 4097 }],
    ['no chunk', { size: 0 }],
    ['unknown flags', { flags: 8 }],
    ['too much headroom', { headroom: 4096 - 256 - 448 + 1 }],
    ['odd metadata', { flags: 4, txMetadataLength: 20 }],
    ['short metadata', { flags: 4, txMetadataLength: 8 }],
  ])('memory with %s is refused', (_, options) => {
    expect(() => new Umem({ size: 8192, ...options })).toThrow(/EINVAL|packet memory|ring of/);
  });

  test.each([{ fill: 3 }, { completion: 0 }, { rx: 3 }, { tx: -1 }])(
    'rings of %o are refused',
    (o) => {
      expect(() => bound(o)).toThrow(/EINVAL|ring of/);
    },
  );

  test('a packet goes into a chunk that the fill ring offers, behind the headroom', () => {
    const { socket, umem, pool } = bound({ headroom: 64 });
    pool.fill.push(3 * 4096 + 17);
    expect(socket.deliver(Uint8Array.of(1, 2, 3), Uint8Array.of(9))).toBe(0);
    expect(socket.rx!.pop()).toEqual({
      address: 3 * 4096 + 64 + 256,
      offset: 0,
      length: 3,
      options: 0,
    });
    expect([...umem.bytes.subarray(3 * 4096 + 319, 3 * 4096 + 323)]).toEqual([9, 1, 2, 3]);
  });

  test('what cannot be delivered is counted by its reason', () => {
    const { socket, pool } = bound({ rx: 1 });
    expect(socket.deliver(new Uint8Array(60))).toBe(no('ENOMEM'));
    pool.fill.push(1 << 30);
    expect(socket.deliver(new Uint8Array(60))).toBe(no('ENOMEM'));
    for (const chunk of [0, 1, 2]) pool.fill.push(chunk * 4096);
    expect(socket.deliver(new Uint8Array(4000))).toBe(no('ENOSPC'));
    expect(socket.deliver(new Uint8Array(60))).toBe(0);
    expect(socket.deliver(new Uint8Array(60))).toBe(no('ENOBUFS'));
    expect(socket.statistics).toMatchObject({
      rxDropped: 3,
      rxRingFull: 1,
      rxInvalidDescs: 1,
      rxFillRingEmptyDescs: 2,
    });
    socket.unbind();
    expect([socket.deliver(new Uint8Array(60)), socket.wake()]).toEqual([no('ENXIO'), no('ENXIO')]);
  });

  test('with several buffers a long packet is in parts', () => {
    const { socket, pool, sent } = bound({ multiBuffer: true });
    for (const chunk of [0, 1, 2]) pool.fill.push(chunk * 4096);
    const long = Uint8Array.from({ length: 9000 }, (_, i) => i);
    expect(socket.deliver(long)).toBe(0);
    for (let part = socket.rx!.pop(); part; part = socket.rx!.pop()) {
      socket.tx!.push(part.address, part.length, part.options & XDP_PKT_CONTD);
    }
    expect(socket.wake()).toBe(0);
    expect(sent).toEqual([long]);
    expect([pool.completion.filled, socket.tx!.filled]).toEqual([3, 0]);
  });

  test('a bad descriptor comes back without being sent, and ends the call', () => {
    const { socket, sent, pool } = bound();
    const bad: [number, number, number][] = [
      [0, 0, 0],
      [4000, 200, 0],
      [1 << 20, 10, 0],
      [0, 10, 4],
    ];
    for (const [address, length, options] of bad) socket.tx!.push(address, length, options);
    socket.tx!.push(0, 10, 0, 1);
    socket.tx!.push(64, 10);
    for (let call = 1; call <= 5; call++) {
      expect([socket.wake(), sent.length, pool.completion.filled]).toEqual([0, 0, call]);
    }
    expect([socket.wake(), sent.length, pool.completion.filled]).toEqual([0, 1, 6]);
    expect(socket.statistics).toMatchObject({ txInvalidDescs: 5, txRingEmptyDescs: 1 });
  });

  test('a bad descriptor waits for what is on its way: completions keep their order', () => {
    const { socket, pool, onTheWay } = bound({}, { late: true });
    socket.tx!.push(0, 10);
    socket.tx!.push(4096, 0);
    expect([socket.wake(), socket.wake()]).toEqual([no('EAGAIN'), no('EAGAIN')]);
    onTheWay[0]!();
    expect([socket.wake(), pool.completion.pop()?.address, pool.completion.pop()?.address]).toEqual(
      [0, 0, 4096],
    );
  });

  test('a packet in parts may come in several calls', () => {
    const { socket, sent } = bound();
    socket.tx!.push(0, 10, XDP_PKT_CONTD);
    expect([socket.wake(), sent.length]).toEqual([0, 0]);
    socket.tx!.push(4096, 10);
    expect([socket.wake(), sent.length, sent[0]!.length]).toEqual([0, 1, 20]);
  });

  test('a packet in too many parts is dropped whole; its rest comes back', () => {
    const { socket, sent, pool } = bound();
    for (let i = 0; i < 20; i++) socket.tx!.push((i % 16) * 4096, 10, i < 19 ? XDP_PKT_CONTD : 0);
    socket.tx!.push(64, 10);
    expect([socket.wake(), sent.length]).toEqual([0, 1]);
    // 18 parts are not in the completion ring; two more and the good one are.
    expect([pool.completion.filled, socket.statistics.txInvalidDescs]).toEqual([3, 20]);
  });

  test('a full completion ring holds packets back; 32 go at a time', () => {
    const { socket, sent, pool } = bound({ completion: 64 });
    for (let i = 0; i < 100; i++) socket.tx!.push((i % 16) * 4096, 60);
    expect([socket.wake(), sent.length]).toEqual([no('EAGAIN'), 32]);
    expect([socket.wake(), sent.length]).toEqual([no('EAGAIN'), 64]);
    expect([socket.wake(), sent.length]).toEqual([0, 64]);
    pool.completion.release(64);
    expect([socket.wake(), socket.wake(), sent.length]).toEqual([no('EAGAIN'), 0, 100]);
  });

  test('what is on its way keeps its place in the completion ring', () => {
    const { socket, sent, pool, onTheWay } = bound({ completion: 4 }, { late: true });
    for (let i = 0; i < 6; i++) socket.tx!.push(i * 4096, 60);
    expect([socket.wake(), sent.length, pool.completion.filled]).toEqual([0, 4, 0]);
    for (const say of onTheWay) say();
    expect([socket.wake(), sent.length, pool.completion.filled]).toEqual([0, 4, 4]);
  });

  test('a device that drops a packet: EBUSY, and the chunk comes back', () => {
    const { socket, pool } = bound({}, { refuse: true });
    for (const address of [0, 4096]) socket.tx!.push(address, 60);
    expect([socket.wake(), pool.completion.filled, socket.tx!.filled]).toEqual([no('EBUSY'), 1, 1]);
  });

  test('unaligned chunks keep their address; the place of the packet is beside it', () => {
    const { socket, sent, pool, umem } = bound({ flags: 1, chunkSize: 3000 });
    pool.fill.push(12_345);
    expect(socket.deliver(Uint8Array.of(1, 2, 3))).toBe(0);
    const got = socket.rx!.pop()!;
    expect(got).toEqual({ address: 12_345, offset: 256, length: 3, options: 0 });
    expect([...umem.bytes.subarray(12_601, 12_604)]).toEqual([1, 2, 3]);
    socket.tx!.push(got.address, got.length, 0, got.offset);
    expect([socket.wake(), sent]).toEqual([0, [Uint8Array.of(1, 2, 3)]]);
    expect(pool.completion.pop()).toMatchObject({ address: 12_345, offset: 256 });
  });

  test('a chunk that the full receive ring had no need of is used for the next packet', () => {
    const { socket, pool } = bound({ rx: 1 });
    for (const chunk of [0, 4096]) pool.fill.push(chunk);
    expect([socket.deliver(new Uint8Array(60)), socket.deliver(new Uint8Array(60))]).toEqual([
      0,
      no('ENOBUFS'),
    ]);
    socket.rx!.release();
    expect([socket.deliver(new Uint8Array(60)), socket.rx!.pop()?.address]).toEqual([
      0,
      4096 + 256,
    ]);
  });

  test('counters that the other side spoils bring no endless work', () => {
    const { socket, pool } = bound();
    new Uint32Array(pool.fill.memory)[0] = 0xdeadbeef;
    new Uint32Array(socket.tx!.memory)[0] = 0x7fffffff;
    for (let i = 0; i < 10; i++) {
      socket.deliver(new Uint8Array(60));
      socket.wake();
    }
    expect(pool.fill.filled).toBe(2048);
  });

  test('metadata ask for a checksum and for the time of sending', () => {
    const { socket, sent, umem } = bound({ flags: 6, txMetadataLength: 16 });
    const asked = packet(ethernet(), ipv4(), udp({ checksum: 0 }), 'hello');
    // What senders leave in the field: the pseudo-header's sum.
    const pseudo = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 13;
    new DataView(asked.buffer).setUint16(40, pseudo);
    umem.bytes.set(asked, 16);
    const metadata = new DataView(umem.memory);
    metadata.setBigUint64(0, 3n, true);
    metadata.setUint16(8, 34, true);
    metadata.setUint16(10, 6, true);
    socket.tx!.push(16, asked.length, XDP_TX_METADATA);
    expect(socket.wake()).toBe(0);
    expect(sent[0]!.subarray(40, 42)).not.toEqual(asked.subarray(40, 42));
    expect(dissect(sent[0]!).flatMap(({ problems }) => problems)).toEqual([]);
    expect(metadata.getBigUint64(8, true)).toBe(1234n);
  });

  test.each([
    ['unknown requests', 4n, 0, 0],
    ['a checksum outside the packet', 2n, 50, 20],
  ])('metadata with %s: EINVAL, and the packet waits', (_, flags, start, offset) => {
    const { socket, sent, umem } = bound({ flags: 4, txMetadataLength: 16 });
    const metadata = new DataView(umem.memory);
    metadata.setBigUint64(0, flags, true);
    metadata.setUint16(8, start, true);
    metadata.setUint16(10, offset, true);
    socket.tx!.push(16, 60, XDP_TX_METADATA);
    expect([socket.wake(), sent.length, socket.tx!.filled]).toEqual([no('EINVAL'), 0, 1]);
  });

  test('metadata where the memory has none: EINVAL', () => {
    const { socket } = bound();
    socket.tx!.push(16, 60, XDP_TX_METADATA);
    expect(socket.wake()).toBe(no('EINVAL'));
  });
});
