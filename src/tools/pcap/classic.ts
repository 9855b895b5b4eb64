import { FormatError } from '../../base/index.ts';
import { SecondClock } from './time.ts';
import type { ByteRange, CaptureInterface, PacketBatch } from './types.ts';
import { MAX_PACKET } from './types.ts';

/** What the 24 bytes at the start of a classic capture say. */
export interface ClassicHeader {
  readonly littleEndian: boolean;
  /** Nanoseconds in one unit of a record's second time word: 1000 or 1. */
  readonly nanosPerUnit: number;
  /** 16, or 24 for the variant of the magic number 0xa1b2cd34. */
  readonly recordHeader: number;
  readonly linkType: number;
  readonly snapLength: number;
  /** The header itself, for copies. */
  readonly bytes: Uint8Array;
}

export const CLASSIC_HEADER_SIZE = 24;
export const MAGIC_MICROS = 0xa1b2c3d4;
export const MAGIC_NANOS = 0xa1b23c4d;
const MAGIC_MODIFIED = 0xa1b2cd34;

/** Byte order of a classic capture, or undefined if its first word is no pcap magic. */
export function classicByteOrder(view: DataView): boolean | undefined {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === MAGIC_MICROS || magic === MAGIC_NANOS || magic === MAGIC_MODIFIED) {
      return littleEndian;
    }
  }
  return undefined;
}

/** Reads the file header. `bytes` holds at least CLASSIC_HEADER_SIZE bytes. */
export function readClassicHeader(bytes: Uint8Array, littleEndian: boolean): ClassicHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, CLASSIC_HEADER_SIZE);
  const magic = view.getUint32(0, littleEndian);
  const major = view.getUint16(4, littleEndian);
  if (major !== 2) throw new FormatError('pcap', 4, `version ${major} is not 2`);
  return {
    littleEndian,
    nanosPerUnit: magic === MAGIC_NANOS ? 1 : 1000,
    recordHeader: magic === MAGIC_MODIFIED ? 24 : 16,
    // The upper bits say whether and how long a frame check sequence is.
    linkType: view.getUint32(20, littleEndian) & 0xffff,
    snapLength: view.getUint32(16, littleEndian),
    bytes: bytes.slice(0, CLASSIC_HEADER_SIZE),
  };
}

export function classicInterface(header: ClassicHeader): CaptureInterface {
  return {
    id: 0,
    idInSection: 0,
    linkType: header.linkType,
    snapLength: header.snapLength,
    name: undefined,
    resolution: { base: 10, exponent: header.nanosPerUnit === 1 ? 9 : 6 },
    timeOffset: 0n,
  };
}

/**
 * Reads records until the batch is full or the range ends in the middle of one. Returns where the
 * next record starts.
 */
export function readClassicRecords(
  header: ClassicHeader,
  view: DataView,
  range: ByteRange,
  batch: PacketBatch,
): number {
  const { littleEndian, nanosPerUnit, recordHeader } = header;
  const limit = Math.max(MAX_PACKET, header.snapLength <= MAX_PACKET * 4 ? header.snapLength : 0);
  const { end } = range;
  const { capacity, start, length, wireLength, interfaceId, time, recordStart, recordLength } =
    batch;
  const clock = new SecondClock();
  let at = range.at;
  let i = batch.count;
  while (i < capacity && at + recordHeader <= end) {
    const captured = view.getUint32(at + 8, littleEndian);
    if (captured > limit) {
      batch.count = i;
      const reason = `a packet of ${captured} captured bytes, more than the ${limit} possible`;
      throw new FormatError('pcap', range.base + at + 8, reason);
    }
    const next = at + recordHeader + captured;
    if (next > end) break;
    const fraction = view.getUint32(at + 4, littleEndian);
    clock.write(time, 2 * i, view.getUint32(at, littleEndian), fraction * nanosPerUnit);
    start[i] = at + recordHeader;
    length[i] = captured;
    wireLength[i] = view.getUint32(at + 12, littleEndian);
    interfaceId[i] = 0;
    recordStart[i] = at;
    recordLength[i] = next - at;
    at = next;
    i++;
  }
  batch.count = i;
  return at;
}
