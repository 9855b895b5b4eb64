import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import {
  CaptureReader,
  createBatch,
  createWriter,
  gzip,
  linkDef,
  packetTime,
  readCapture,
  unpack,
  writeCapture,
} from '../../src/tools/pcap/index.ts';

const TIME = 1_700_000_000_123_456_789n;

function packet(size: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + seed) & 255);
}

const three = [
  { data: packet(60, 1), time: TIME },
  { data: packet(61, 2), time: TIME + 1000n, wireLength: 1514 },
  { data: packet(0, 3), time: TIME + 2_000_000_000n },
];

/** Copies a capture packet by packet, changing those `change` gives new bytes for. */
function copy(
  bytes: Uint8Array,
  format: 'pcap' | 'pcapng',
  change: (i: number, data: Uint8Array) => Uint8Array | undefined = () => undefined,
): Uint8Array {
  const reader = new CaptureReader();
  const batch = createBatch(2);
  reader.push(bytes);
  let writer: ReturnType<typeof createWriter> | undefined;
  let index = 0;
  for (;;) {
    const count = reader.next(batch);
    writer ??= createWriter(reader, format);
    let other = 0;
    for (let i = 0; i <= count; i++) {
      while (batch.others[other]?.before === i) writer.other(batch.others[other++]!);
      if (i === count) break;
      const start = batch.start[i]!;
      const data = change(index++, batch.bytes.subarray(start, start + batch.length[i]!));
      if (data) writer.changed(batch, i, data, 0, data.length);
      else writer.unchanged(batch, i);
    }
    writer.flush();
    if (count === 0) return writer.output.take();
  }
}

describe('classic captures', () => {
  for (const littleEndian of [true, false]) {
    for (const nanoseconds of [true, false]) {
      it(`reads ${littleEndian ? 'little' : 'big'} endian, ${nanoseconds ? 'ns' : 'µs'}`, () => {
        const bytes = writeCapture(three, { littleEndian, nanoseconds });
        const { reader, packets } = readCapture(bytes);
        expect(reader.problem).toBeUndefined();
        expect(reader.format).toBe('pcap');
        expect(packets.map((one) => one.data)).toEqual(three.map((one) => one.data));
        expect(packets.map((one) => one.wireLength)).toEqual([60, 1514, 0]);
        const unit = nanoseconds ? 1n : 1000n;
        expect(packets.map((one) => one.time)).toEqual(
          three.map((one) => (one.time / unit) * unit),
        );
      });
    }
  }

  it('keeps times exact up to the last second of the format', () => {
    const time = 0xffff_ffffn * 1_000_000_000n + 999_999_999n;
    const { packets } = readCapture(
      writeCapture([{ data: packet(1), time }], { nanoseconds: true }),
    );
    expect(packets[0]!.time).toBe(time);
  });

  it('copies unchanged packets to the byte, in every variant', () => {
    for (const littleEndian of [true, false]) {
      const bytes = writeCapture(three, { littleEndian });
      expect(copy(bytes, 'pcap')).toEqual(bytes);
    }
  });

  it('gives what stands before a cut, and says where the cut is', () => {
    const bytes = writeCapture(three);
    const { reader, packets } = readCapture(bytes.subarray(0, 24 + 16 + 60 + 16 + 30));
    expect(packets).toHaveLength(1);
    expect(reader.problem).toBeInstanceOf(FormatError);
    expect(reader.problem!.offset).toBe(24 + 16 + 60);
    expect(reader.problem!.message).toMatch(/cut off: its last 46 bytes/);
  });

  it('stops at an impossible length', () => {
    const bytes = writeCapture(three);
    new DataView(bytes.buffer).setUint32(24 + 16 + 60 + 8, 0x7fffffff, true);
    const { reader, packets } = readCapture(bytes);
    expect(packets).toHaveLength(1);
    expect(reader.problem!.offset).toBe(24 + 16 + 60 + 8);
  });

  it('refuses what is no capture', () => {
    expect(readCapture(new Uint8Array(0)).reader.problem!.message).toMatch(/empty/);
    expect(readCapture(packet(10)).reader.problem!.message).toMatch(/too short/);
    expect(readCapture(packet(100)).reader.problem!.message).toMatch(/neither pcap nor pcapng/);
  });
});

describe('pcapng', () => {
  const interfaces = [{ name: 'eth0' }, { name: 'eth1', linkType: 101 }];
  const bytes = writeCapture(
    [
      { data: packet(60), time: TIME, comment: 'the first' },
      { data: packet(33), time: TIME + 1n, interfaceId: 1 },
      { data: packet(64), time: TIME + 2n, comment: 'häßlich' },
    ],
    { format: 'pcapng', interfaces },
  );

  it('reads interfaces, nanoseconds and packets', () => {
    const { reader, packets } = readCapture(bytes);
    expect(reader.problem).toBeUndefined();
    expect(reader.interfaces.map((one) => [one.name, one.linkType])).toEqual([
      ['eth0', 1],
      ['eth1', 101],
    ]);
    expect(packets.map((one) => one.time)).toEqual([TIME, TIME + 1n, TIME + 2n]);
    expect(packets.map((one) => one.interfaceId)).toEqual([0, 1, 0]);
  });

  it('copies a capture to the byte, comments and all', () => {
    expect(copy(bytes, 'pcapng')).toEqual(bytes);
  });

  it('keeps comments of packets that change', () => {
    const changed = copy(bytes, 'pcapng', (i) => (i === 0 ? packet(99, 5) : undefined));
    const { packets } = readCapture(changed);
    expect(packets[0]!.data).toEqual(packet(99, 5));
    expect(packets[0]!.wireLength).toBe(99);
    expect(new TextDecoder().decode(changed)).toContain('the first');
    expect(packets[2]!.data).toEqual(packet(64));
  });

  it('numbers the interfaces of several sections one after the other', () => {
    const two = new Uint8Array(bytes.length * 2);
    two.set(bytes);
    two.set(bytes, bytes.length);
    const { reader, packets } = readCapture(two);
    expect(reader.interfaces.map((one) => one.idInSection)).toEqual([0, 1, 0, 1]);
    expect(packets.map((one) => one.interfaceId)).toEqual([0, 1, 0, 2, 3, 2]);
    expect(copy(two, 'pcapng')).toEqual(two);
  });

  it('reads big endian, resolutions and time offsets, simple and obsolete packets', () => {
    const { packets, reader } = readCapture(bigEndianCapture());
    expect(reader.problem).toBeUndefined();
    expect(packets.map((one) => one.time)).toEqual([
      5_500_000_000n + 100_000_000_000n,
      0n,
      7_250_000_000n + 100_000_000_000n,
    ]);
    expect(packets.map((one) => one.data.length)).toEqual([4, 6, 2]);
  });

  it('names the block that is wrong', () => {
    const wrong = bytes.slice();
    const sectionSize = 28;
    new DataView(wrong.buffer).setUint32(sectionSize + 4, 13, true);
    expect(readCapture(wrong).reader.problem!.offset).toBe(sectionSize + 4);
  });

  it('converts between the formats', () => {
    const classic = writeCapture(three, { nanoseconds: true });
    const { packets } = readCapture(copy(classic, 'pcapng'));
    expect(packets.map((one) => one.time)).toEqual(three.map((one) => one.time));
    expect(() => copy(bytes, 'pcap')).toThrow(/link types 1 and 101/);
    expect(readCapture(copy(copy(classic, 'pcapng'), 'pcap')).packets).toEqual(
      readCapture(classic).packets,
    );
  });
});

/** Two-to-the-minus-one second resolution, +100 s, big endian: EPB, SPB, PB. */
function bigEndianCapture(): Uint8Array {
  const words: number[] = [];
  const block = (type: number, body: number[]) => {
    const size = 12 + body.length * 4;
    words.push(type, size, ...body, size);
  };
  block(0x0a0d0d0a, [0x1a2b3c4d, 0x00010000, 0xffffffff, 0xffffffff]);
  block(1, [0x00010000, 6, 0x00090001, 0x82000000, 0x000e0008, 0, 100, 0]);
  block(6, [0, 0, 22, 4, 4, 0x01020304]);
  block(3, [60, 0x01020304, 0x05060000]);
  block(2, [0x00000000, 0, 29, 2, 2, 0x01020000]);
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint32(4 * i, word >>> 0, false);
  });
  return bytes;
}

describe('any bytes', () => {
  const seeds = [
    writeCapture(three),
    writeCapture(three, { format: 'pcapng', interfaces: [{ name: 'eth0' }] }),
    bigEndianCapture(),
  ];

  it('end in packets or a FormatError, never in another error', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.nat(),
        (seed, flips, cut) => {
          const bytes = seed.slice(0, seed.length - (cut % 40));
          for (const [at, value] of flips) bytes[at % bytes.length] = value;
          const { reader, packets } = readCapture(bytes);
          for (const one of packets) expect(one.data.length).toBeLessThanOrEqual(bytes.length);
          if (reader.problem) expect(reader.problem).toBeInstanceOf(FormatError);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('give the same packets however they are cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (bytes, sizes) => {
          const reader = new CaptureReader();
          const batch = createBatch(2);
          const times: bigint[] = [];
          for (let at = 0, k = 0; at < bytes.length; k++) {
            const size = sizes[k % sizes.length]!;
            reader.push(bytes.slice(at, at + size));
            at += size;
            while (reader.next(batch) > 0) {
              for (let i = 0; i < batch.count; i++) times.push(packetTime(batch, i));
            }
          }
          reader.end();
          expect(reader.problem).toBeUndefined();
          expect(times).toEqual(readCapture(bytes).packets.map((one) => one.time));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('gzip', () => {
  async function* chunksOf(bytes: Uint8Array, size: number) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }

  async function collect(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
    const all: number[] = [];
    for await (const chunk of chunks) all.push(...chunk);
    return all;
  }

  it('is unpacked without being asked', async () => {
    const bytes = writeCapture(three);
    const packed = await gzip(bytes);
    expect(packed.subarray(0, 2)).toEqual(Uint8Array.of(0x1f, 0x8b));
    expect(await collect(unpack(chunksOf(packed, 7)))).toEqual([...bytes]);
    expect(await collect(unpack(chunksOf(bytes, 7)))).toEqual([...bytes]);
  });

  it('ends in a FormatError when damaged', async () => {
    const packed = await gzip(writeCapture(three));
    const cut = collect(unpack(chunksOf(packed.subarray(0, packed.length - 9), 16)));
    await expect(cut).rejects.toThrow(FormatError);
  });
});

describe('link types', () => {
  it('tell the EtherType of what they carry', () => {
    expect(linkDef(1)!.etherType).toBeUndefined();
    expect(linkDef(101)!.etherType!(Uint8Array.of(0x45), 0)).toBe(0x0800);
    expect(linkDef(101)!.etherType!(Uint8Array.of(0x60), 0)).toBe(0x86dd);
    expect(linkDef(0)!.etherType!(Uint8Array.of(2, 0, 0, 0), 0)).toBe(0x0800);
    expect(linkDef(108)!.etherType!(Uint8Array.of(0, 0, 0, 30), 0)).toBe(0x86dd);
    const cooked = new Uint8Array(16);
    cooked.set([0x86, 0xdd], 14);
    expect(linkDef(113)!.etherType!(cooked, 0)).toBe(0x86dd);
    expect(linkDef(127)).toBeUndefined();
  });
});

function hasTool(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasTool('tshark'))('tshark (skipped where it is not installed)', () => {
  it('reads what we write as we read it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'beeyard-pcap-'));
    try {
      const interfaces = [{ name: 'eth0' }, { name: 'eth1' }];
      const source = writeCapture(
        [
          { data: packet(60), time: TIME, comment: 'one' },
          { data: packet(70), time: TIME + 5n, interfaceId: 1 },
        ],
        { format: 'pcapng', interfaces },
      );
      const file = join(folder, 'x.pcapng');
      writeFileSync(
        file,
        copy(source, 'pcapng', (i) => (i === 0 ? packet(80) : undefined)),
      );
      const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.interface_name', 'frame.comment'];
      const out = execFileSync(
        'tshark',
        ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
      expect(
        out
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => line.split('\t')),
      ).toEqual([
        ['1700000000.123456789', '80', 'eth0', 'one'],
        ['1700000000.123456794', '70', 'eth1', ''],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
