import { describe, expect, test } from 'vitest';
import { errnos } from '../../src/abi/index.ts';
import { dissect, ethernet, ipv4, packet, udp } from '../../src/packet/index.ts';
import { Ring } from '../../src/machine/net/xsk/ring.ts';
import { XDP_PKT_CONTD, XDP_TX_METADATA, XskSocket } from '../../src/machine/net/xsk/socket.ts';
import { Umem, type UmemOptions } from '../../src/machine/net/xsk/umem.ts';

const no = (name: string): number => -errnos[name]!;

/** A socket on a queue that keeps what is sent. */
function bound(
  umem: Partial<UmemOptions> = {},
  options: ConstructorParameters<typeof XskSocket>[1] = {},
) {
  const sent: Uint8Array[] = [];
  const socket = new XskSocket(new Umem({ size: 16 * 4096, ...umem }), options);
  const send = (bytes: Uint8Array) => sent.push(bytes) - sent.length;
  socket.bind({ send, now: () => 1234n, offloadsChecksum: false });
  return { socket, sent, umem: socket.umem };
}

describe('AF_XDP', () => {
  test('rings go round, with counters that wrap at 2^32', () => {
    const ring = new Ring(4, 'descriptors');
    new Uint32Array(ring.memory)[0] = 0xfffffffe;
    new Uint32Array(ring.memory)[16] = 0xfffffffe;
    for (let i = 0; i < 4; i++) expect(ring.push(i * 4096, i + 1, i & 1)).toBe(true);
    expect([ring.push(0), ring.free, ring.filled]).toEqual([false, 0, 4]);
    expect([0, 1, 2, 3].map(() => ring.pop())).toEqual(
      [0, 1, 2, 3].map((i) => ({ address: i * 4096, length: i + 1, options: i & 1 })),
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
    ['rings of 3', { fill: 3 }],
  ])('memory with %s is refused', (_, options) => {
    expect(() => new Umem({ size: 8192, ...options })).toThrow(/EINVAL|packet memory|ring of/);
  });

  test('a packet goes into a chunk that the fill ring offers, behind the headroom', () => {
    const { socket, umem } = bound({ headroom: 64 });
    umem.fill.push(3 * 4096 + 17);
    expect(socket.deliver(Uint8Array.of(1, 2, 3), Uint8Array.of(9))).toBe(0);
    expect(socket.rx!.pop()).toEqual({ address: 3 * 4096 + 64 + 256, length: 3, options: 0 });
    expect([...umem.bytes.subarray(3 * 4096 + 319, 3 * 4096 + 323)]).toEqual([9, 1, 2, 3]);
  });

  test('what cannot be delivered is counted by its reason', () => {
    const { socket, umem } = bound({}, { rx: 1 });
    expect(socket.deliver(new Uint8Array(60))).toBe(no('ENOMEM'));
    umem.fill.push(1 << 30);
    expect(socket.deliver(new Uint8Array(60))).toBe(no('ENOMEM'));
    for (const chunk of [0, 1, 2]) umem.fill.push(chunk * 4096);
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
    const { socket, umem, sent } = bound({}, { multiBuffer: true });
    for (const chunk of [0, 1, 2]) umem.fill.push(chunk * 4096);
    const long = Uint8Array.from({ length: 9000 }, (_, i) => i);
    expect(socket.deliver(long)).toBe(0);
    for (let part = socket.rx!.pop(); part; part = socket.rx!.pop()) {
      socket.tx!.push(part.address, part.length, part.options & XDP_PKT_CONTD);
    }
    expect(socket.wake()).toBe(0);
    expect(sent).toEqual([long]);
    expect([umem.completion.filled, socket.tx!.filled]).toEqual([3, 0]);
  });

  test('bad descriptors come back without being sent', () => {
    const { socket, sent, umem } = bound();
    const bad: [number, number, number][] = [
      [0, 0, 0],
      [4000, 200, 0],
      [1 << 20, 10, 0],
      [0, 10, 4],
    ];
    for (const [address, length, options] of bad) socket.tx!.push(address, length, options);
    socket.tx!.push(64, 10);
    expect([socket.wake(), sent.length, umem.completion.filled]).toEqual([0, 1, 5]);
    expect(socket.statistics.txInvalidDescs).toBe(4);
  });

  test('a full completion ring holds packets back; 32 go at a time', () => {
    const { socket, sent, umem } = bound({ completion: 64 });
    for (let i = 0; i < 100; i++) socket.tx!.push((i % 16) * 4096, 60);
    expect([socket.wake(), sent.length]).toEqual([no('EAGAIN'), 32]);
    expect([socket.wake(), sent.length]).toEqual([no('EAGAIN'), 64]);
    expect([socket.wake(), sent.length]).toEqual([0, 64]);
    umem.completion.release(64);
    expect([socket.wake(), socket.wake(), sent.length]).toEqual([no('EAGAIN'), 0, 100]);
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
