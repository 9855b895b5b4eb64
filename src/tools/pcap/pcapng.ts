import { ByteReader, FormatError, utf8 } from '../../base/index.ts';
import { type TimeWriter, timeWriter } from './time.ts';
import type { ByteRange, CaptureInterface, PacketBatch } from './types.ts';
import { MAX_BLOCK, MAX_PACKET } from './types.ts';

export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE = 3;
export const BLOCK_ENHANCED = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const OPTION_END = 0;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** One option of a block: the code and its value, without padding. */
export interface BlockOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Options from `at` to the end of the reader. `base` is the file offset of its byte 0. */
export function readOptions(reader: ByteReader, from: number): BlockOption[] {
  const options: BlockOption[] = [];
  let at = from;
  while (at + 4 <= reader.length) {
    const code = reader.u16(at);
    const size = reader.u16(at + 2);
    if (code === OPTION_END) break;
    options.push({ code, value: reader.slice(at + 4, size, `option ${code}`) });
    at += 4 + ((size + 3) & ~3);
  }
  return options;
}

/** Where one section stands: its byte order and its interfaces. */
export class PcapngSection {
  littleEndian = true;
  /** Position in the reader's list of this section's interface 0. */
  firstInterface = 0;
  readonly times: TimeWriter[] = [];
}

interface ReadState {
  readonly interfaces: CaptureInterface[];
  section: PcapngSection;
}

/**
 * Reads blocks until the batch is full or the range ends within one. Returns where the next block
 * starts.
 */
export function readBlocks(
  state: ReadState,
  view: DataView,
  range: ByteRange,
  batch: PacketBatch,
): number {
  const { base, end } = range;
  let { at } = range;
  while (batch.count < batch.capacity && at + 12 <= end) {
    const isSection = view.getUint32(at, true) === BLOCK_SECTION;
    const littleEndian = isSection ? sectionByteOrder(view, at, base) : state.section.littleEndian;
    const size = view.getUint32(at + 4, littleEndian);
    if (size < 12 || size % 4 !== 0 || size > MAX_BLOCK) {
      throw new FormatError('pcapng', base + at + 4, `a block cannot be ${size} bytes long`);
    }
    if (at + size > end) break;
    const trailer = view.getUint32(at + size - 4, littleEndian);
    if (trailer !== size) {
      const reason = `the block says ${size} bytes at its start and ${trailer} at its end`;
      throw new FormatError('pcapng', base + at + size - 4, reason);
    }
    const type = view.getUint32(at, littleEndian);
    if (isSection) startSection(state, littleEndian);
    readBlock(state, view, at, size, type, base, batch);
    at += size;
  }
  return at;
}

function sectionByteOrder(view: DataView, at: number, base: number): boolean {
  const magic = view.getUint32(at + 8, true);
  if (magic === BYTE_ORDER_MAGIC) return true;
  if (view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) return false;
  const reason = `0x${magic.toString(16)} is no byte-order magic`;
  throw new FormatError('pcapng', base + at + 8, reason);
}

function startSection(state: ReadState, littleEndian: boolean): void {
  state.section = new PcapngSection();
  state.section.littleEndian = littleEndian;
  state.section.firstInterface = state.interfaces.length;
}

function readBlock(
  state: ReadState,
  view: DataView,
  at: number,
  size: number,
  type: number,
  base: number,
  batch: PacketBatch,
): void {
  if (type === BLOCK_ENHANCED) {
    readPacket(state.section, view, at, size, base, batch, false);
  } else if (type === BLOCK_SIMPLE) {
    readSimple(state, view, at, size, base, batch);
  } else if (type === BLOCK_PACKET) {
    readPacket(state.section, view, at, size, base, batch, true);
  } else {
    const whole = new Uint8Array(view.buffer, view.byteOffset + at, size);
    if (type === BLOCK_INTERFACE) addInterface(state, whole, base + at);
    const littleEndian = state.section.littleEndian;
    batch.others.push({ before: batch.count, type, bytes: whole, littleEndian });
  }
}

function addInterface(state: ReadState, block: Uint8Array, base: number): void {
  const { section, interfaces } = state;
  const body = block.subarray(0, block.length - 4);
  const reader = new ByteReader(body, 'pcapng', section.littleEndian);
  if (body.length < 16) throw new FormatError('pcapng', base, 'the interface block is too short');
  const options = atOffset(base, () => readOptions(reader, 16));
  const one: CaptureInterface = {
    id: interfaces.length,
    idInSection: interfaces.length - section.firstInterface,
    linkType: reader.u16(8),
    snapLength: reader.u32(12),
    name: textOption(options, IF_NAME),
    resolution: resolutionOf(options),
    timeOffset: offsetOf(options, section.littleEndian),
  };
  interfaces.push(one);
  section.times.push(timeWriter(one));
}

/** Runs a parser of one block and turns its offsets into offsets of the file. */
function atOffset<T>(base: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const reason = error.message.replace(/^pcapng: /, '').replace(/ \(at offset.*$/, '');
    throw new FormatError('pcapng', base + error.offset, reason);
  }
}

function textOption(options: readonly BlockOption[], code: number): string | undefined {
  const found = options.find((option) => option.code === code);
  return found && utf8(found.value).replace(/\0+$/, '');
}

function resolutionOf(options: readonly BlockOption[]): CaptureInterface['resolution'] {
  const value = options.find((option) => option.code === IF_TSRESOL)?.value[0] ?? 6;
  return value & 0x80 ? { base: 2, exponent: value & 0x7f } : { base: 10, exponent: value };
}

function offsetOf(options: readonly BlockOption[], littleEndian: boolean): bigint {
  const value = options.find((option) => option.code === IF_TSOFFSET)?.value;
  if (!value || value.length < 8) return 0n;
  return new DataView(value.buffer, value.byteOffset, 8).getBigInt64(0, littleEndian);
}

/**
 * An enhanced packet block, or the obsolete packet block it replaced: they differ in the
 * interface's number only, which had 16 bits (and a count of drops behind it).
 */
function readPacket(
  section: PcapngSection,
  view: DataView,
  at: number,
  size: number,
  base: number,
  batch: PacketBatch,
  obsolete: boolean,
): void {
  if (size < 32) throw new FormatError('pcapng', base + at + 4, 'the packet block is too short');
  const order = section.littleEndian;
  const number = obsolete ? view.getUint16(at + 8, order) : view.getUint32(at + 8, order);
  const captured = view.getUint32(at + 20, order);
  checkPacket(section, number, captured, size - 32, base + at);
  const i = batch.count++;
  const high = view.getUint32(at + 12, order);
  section.times[number]!(batch.time, 2 * i, high, view.getUint32(at + 16, order));
  batch.start[i] = at + 28;
  batch.length[i] = captured;
  batch.wireLength[i] = view.getUint32(at + 24, order);
  batch.interfaceId[i] = section.firstInterface + number;
  batch.recordStart[i] = at;
  batch.recordLength[i] = size;
}

function checkPacket(
  section: PcapngSection,
  number: number,
  captured: number,
  room: number,
  offset: number,
): void {
  if (number >= section.times.length) {
    const reason = `a packet of interface ${number}, but the section has ${section.times.length}`;
    throw new FormatError('pcapng', offset + 8, reason);
  }
  if (captured > room || captured > MAX_PACKET) {
    const reason = `a packet of ${captured} captured bytes in a block with room for ${room}`;
    throw new FormatError('pcapng', offset + 20, reason);
  }
}

function readSimple(
  state: ReadState,
  view: DataView,
  at: number,
  size: number,
  base: number,
  batch: PacketBatch,
): void {
  const { section } = state;
  if (size < 16) throw new FormatError('pcapng', base + at + 4, 'the packet block is too short');
  checkPacket(section, 0, 0, 0, base + at);
  const wire = view.getUint32(at + 8, section.littleEndian);
  const snap = state.interfaces[section.firstInterface]!.snapLength || MAX_PACKET;
  const i = batch.count++;
  // A simple packet has no time of its own.
  batch.time[2 * i] = 0;
  batch.time[2 * i + 1] = 0;
  batch.start[i] = at + 12;
  batch.length[i] = Math.min(wire, snap, size - 16);
  batch.wireLength[i] = wire;
  batch.interfaceId[i] = section.firstInterface;
  batch.recordStart[i] = at;
  batch.recordLength[i] = size;
}
