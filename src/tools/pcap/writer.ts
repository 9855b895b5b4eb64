import { FormatError } from '../../base/index.ts';
import { CLASSIC_HEADER_SIZE, MAGIC_MICROS, MAGIC_NANOS } from './classic.ts';
import { OutputBuffer } from './output.ts';
import { BLOCK_ENHANCED, BLOCK_INTERFACE, BLOCK_SECTION, BYTE_ORDER_MAGIC } from './pcapng.ts';
import type { CaptureReader } from './reader.ts';
import type { CaptureFormat, CaptureInterface, OtherBlock, PacketBatch } from './types.ts';

/**
 * Writes packets of a reader's batches to a capture file. A packet that goes unchanged into a file
 * of the same format keeps its record to the byte, with comments and options nobody knows here.
 * Bytes collect in `output`; the caller takes them whenever it likes.
 */
export interface CaptureWriter {
  readonly format: CaptureFormat;
  readonly output: OutputBuffer;
  /** Packets written. */
  readonly packets: number;
  /** Packet `i` as captured. */
  unchanged(batch: PacketBatch, i: number): void;
  /** Packet `i` with other bytes. */
  changed(batch: PacketBatch, i: number, bytes: Uint8Array, start: number, length: number): void;
  /** A block that is no packet, where the format has such. */
  other(block: OtherBlock): void;
  /** Puts everything into `output`. To be called before a batch loses its bytes. */
  flush(): void;
}

/** Records that stand one after the other in a batch and are to be copied: one copy for all. */
class RecordRun {
  #batch: PacketBatch | undefined;
  #start = 0;
  #end = 0;

  add(batch: PacketBatch, i: number, output: OutputBuffer): void {
    const start = batch.recordStart[i]!;
    if (start !== this.#end || batch !== this.#batch) {
      this.flush(output);
      this.#batch = batch;
      this.#start = start;
    }
    this.#end = start + batch.recordLength[i]!;
  }

  flush(output: OutputBuffer): void {
    if (this.#batch && this.#end > this.#start) {
      output.copy(this.#batch.bytes, this.#start, this.#end - this.#start);
    }
    this.#start = 0;
    this.#end = 0;
    this.#batch = undefined;
  }
}

/** A writer of `format` for what `reader` reads. */
export function createWriter(reader: CaptureReader, format: CaptureFormat): CaptureWriter {
  if (format === 'pcap') return new ClassicWriter(reader);
  return reader.format === 'pcapng' ? new PcapngCopier() : new PcapngWriter(reader);
}

/** Bytes on the wire after the program changed how many were captured. */
function newWireLength(batch: PacketBatch, i: number, length: number): number {
  return Math.max(batch.wireLength[i]! + length - batch.length[i]!, length);
}

class ClassicWriter implements CaptureWriter {
  readonly format = 'pcap';
  readonly output = new OutputBuffer();
  packets = 0;
  readonly #reader: CaptureReader;
  readonly #run = new RecordRun();
  #started = false;
  #littleEndian = true;
  #linkType = 0;

  constructor(reader: CaptureReader) {
    this.#reader = reader;
  }

  unchanged(batch: PacketBatch, i: number): void {
    if (!this.#reader.classic) {
      this.changed(batch, i, batch.bytes, batch.start[i]!, batch.length[i]!);
      return;
    }
    this.#start(batch, i);
    this.#run.add(batch, i, this.output);
    this.packets++;
  }

  flush(): void {
    this.#run.flush(this.output);
  }

  changed(batch: PacketBatch, i: number, bytes: Uint8Array, start: number, length: number): void {
    this.#start(batch, i);
    this.flush();
    if (this.#reader.classic) this.#copyHeader(batch, i, length);
    else this.#newHeader(batch, i, length);
    this.output.copy(bytes, start, length);
    this.packets++;
  }

  other(): void {
    // Classic captures have packets only.
  }

  #copyHeader(batch: PacketBatch, i: number, length: number): void {
    const size = this.#reader.classic!.recordHeader;
    const at = this.output.length;
    this.output.copy(batch.bytes, batch.recordStart[i]!, size);
    this.output.u32(at + 8, length, this.#littleEndian);
    this.output.u32(at + 12, newWireLength(batch, i, length), this.#littleEndian);
  }

  #newHeader(batch: PacketBatch, i: number, length: number): void {
    const at = this.output.reserve(16);
    const time = (BigInt(batch.time[2 * i + 1]!) << 32n) | BigInt(batch.time[2 * i]!);
    this.output.u32(at, Number(time / 1_000_000_000n), true);
    this.output.u32(at + 4, Number(time % 1_000_000_000n), true);
    this.output.u32(at + 8, length, true);
    this.output.u32(at + 12, newWireLength(batch, i, length), true);
  }

  #start(batch: PacketBatch, i: number): void {
    const one = this.#reader.interfaces[batch.interfaceId[i]!]!;
    if (this.#started) this.#checkLink(one);
    else this.begin(one);
  }

  #checkLink(one: CaptureInterface): void {
    if (one.linkType === this.#linkType) return;
    const reason = `one file cannot hold link types ${this.#linkType} and ${one.linkType}`;
    throw new FormatError('pcap', this.output.total, `${reason}; write .pcapng instead`);
  }

  begin(one: CaptureInterface): void {
    this.#started = true;
    this.#linkType = one.linkType;
    const classic = this.#reader.classic;
    if (classic) {
      this.#littleEndian = classic.littleEndian;
      this.output.append(classic.bytes);
      return;
    }
    const at = this.output.reserve(CLASSIC_HEADER_SIZE);
    this.output.u32(at, MAGIC_NANOS, true);
    this.output.u16(at + 4, 2, true);
    this.output.u16(at + 6, 4, true);
    this.output.u32(at + 8, 0, true);
    this.output.u32(at + 12, 0, true);
    this.output.u32(at + 16, one.snapLength || 262144, true);
    this.output.u32(at + 20, one.linkType, true);
  }
}

/** From pcapng to pcapng: sections, interfaces and options go through as they are. */
class PcapngCopier implements CaptureWriter {
  readonly format = 'pcapng';
  readonly output = new OutputBuffer();
  packets = 0;
  readonly #run = new RecordRun();
  #littleEndian = true;

  unchanged(batch: PacketBatch, i: number): void {
    this.#run.add(batch, i, this.output);
    this.packets++;
  }

  flush(): void {
    this.#run.flush(this.output);
  }

  changed(batch: PacketBatch, i: number, bytes: Uint8Array, start: number, length: number): void {
    this.flush();
    const order = this.#littleEndian;
    const from = batch.recordStart[i]!;
    // Data starts at byte 12 of a simple packet, at 28 of the others.
    const simple = batch.start[i]! - from === 12;
    const header = simple ? 12 : 28;
    const oldPadded = (batch.length[i]! + 3) & ~3;
    const options = simple ? 0 : Math.max(0, batch.recordLength[i]! - 4 - header - oldPadded);
    const padded = (length + 3) & ~3;
    const size = header + padded + options + 4;
    const at = this.output.length;
    this.output.copy(batch.bytes, from, header);
    this.output.copy(bytes, start, length);
    this.output.zeros(padded - length);
    this.output.copy(batch.bytes, from + header + oldPadded, options);
    this.output.u32(this.output.reserve(4), size, order);
    this.output.u32(at + 4, size, order);
    if (simple) {
      this.output.u32(at + 8, length, order);
    } else {
      this.output.u32(at + 20, length, order);
      this.output.u32(at + 24, newWireLength(batch, i, length), order);
    }
    this.packets++;
  }

  other(block: OtherBlock): void {
    this.flush();
    const at = this.output.length;
    this.output.append(block.bytes);
    if (block.type !== BLOCK_SECTION) return;
    this.#littleEndian = block.littleEndian;
    // The section's length is not known before its end: -1 says so.
    this.output.u32(at + 16, 0xffffffff, true);
    this.output.u32(at + 20, 0xffffffff, true);
  }
}

/** From classic pcap to pcapng: one section, one interface, nanoseconds. */
class PcapngWriter implements CaptureWriter {
  readonly format = 'pcapng';
  readonly output = new OutputBuffer();
  packets = 0;
  readonly #reader: CaptureReader;
  #started = false;

  constructor(reader: CaptureReader) {
    this.#reader = reader;
  }

  unchanged(batch: PacketBatch, i: number): void {
    this.changed(batch, i, batch.bytes, batch.start[i]!, batch.length[i]!);
  }

  changed(batch: PacketBatch, i: number, bytes: Uint8Array, start: number, length: number): void {
    this.#start();
    const padded = (length + 3) & ~3;
    const size = 32 + padded;
    const at = this.output.reserve(28);
    this.output.u32(at, BLOCK_ENHANCED, true);
    this.output.u32(at + 4, size, true);
    this.output.u32(at + 8, 0, true);
    this.output.u32(at + 12, batch.time[2 * i + 1]!, true);
    this.output.u32(at + 16, batch.time[2 * i]!, true);
    this.output.u32(at + 20, length, true);
    this.output.u32(at + 24, newWireLength(batch, i, length), true);
    this.output.copy(bytes, start, length);
    this.output.zeros(padded - length);
    this.output.u32(this.output.reserve(4), size, true);
    this.packets++;
  }

  other(): void {
    // A classic capture has no other blocks.
  }

  flush(): void {
    // Every packet is written at once.
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const one = this.#reader.interfaces[0]!;
    writeSection(this.output);
    writeInterface(this.output, one.linkType, one.snapLength, undefined);
  }
}

function writeSection(output: OutputBuffer): void {
  const at = output.reserve(28);
  output.u32(at, BLOCK_SECTION, true);
  output.u32(at + 4, 28, true);
  output.u32(at + 8, BYTE_ORDER_MAGIC, true);
  output.u16(at + 12, 1, true);
  output.u16(at + 14, 0, true);
  output.u32(at + 16, 0xffffffff, true);
  output.u32(at + 20, 0xffffffff, true);
  output.u32(at + 24, 28, true);
}

/** An interface block with nanosecond timestamps and, if given, a name. */
function writeInterface(
  output: OutputBuffer,
  linkType: number,
  snapLength: number,
  name: string | undefined,
): void {
  const text = new TextEncoder().encode(name ?? '');
  const nameSize = text.length ? 4 + ((text.length + 3) & ~3) : 0;
  const size = 16 + nameSize + 8 + 4 + 4;
  const at = output.reserve(16);
  output.u32(at, BLOCK_INTERFACE, true);
  output.u32(at + 4, size, true);
  output.u16(at + 8, linkType, true);
  output.u16(at + 10, 0, true);
  output.u32(at + 12, snapLength, true);
  if (text.length) {
    const option = output.reserve(4);
    output.u16(option, 2, true);
    output.u16(option + 2, text.length, true);
    output.append(text);
    output.zeros(nameSize - 4 - text.length);
  }
  const end = output.reserve(16);
  output.u16(end, 9, true);
  output.u16(end + 2, 1, true);
  output.u32(end + 4, 9, true);
  output.u32(end + 8, 0, true);
  output.u32(end + 12, size, true);
}

/** A packet to be put into a new capture. */
export interface NewPacket {
  readonly data: Uint8Array;
  /** Nanoseconds since 1970. */
  readonly time?: bigint;
  readonly wireLength?: number;
  /** Index into the interfaces given to `writeCapture`. */
  readonly interfaceId?: number;
  /** opt_comment (pcapng). */
  readonly comment?: string;
}

export interface NewCapture {
  readonly format?: CaptureFormat;
  /** Classic only: microseconds and byte order. */
  readonly nanoseconds?: boolean;
  readonly littleEndian?: boolean;
  readonly interfaces?: readonly { readonly name?: string; readonly linkType?: number }[];
}

/** A whole capture file from packets in memory. */
export function writeCapture(packets: Iterable<NewPacket>, options: NewCapture = {}): Uint8Array {
  const output = new OutputBuffer();
  if (options.format === 'pcapng') writeNewPcapng(output, packets, options);
  else writeNewClassic(output, packets, options);
  return output.take();
}

function writeNewClassic(
  output: OutputBuffer,
  packets: Iterable<NewPacket>,
  options: NewCapture,
): void {
  const order = options.littleEndian ?? true;
  const unit = options.nanoseconds ? 1n : 1000n;
  const header = output.reserve(CLASSIC_HEADER_SIZE);
  output.u32(header, options.nanoseconds ? MAGIC_NANOS : MAGIC_MICROS, order);
  output.u16(header + 4, 2, order);
  output.u16(header + 6, 4, order);
  output.u32(header + 16, 262144, order);
  output.u32(header + 20, options.interfaces?.[0]?.linkType ?? 1, order);
  for (const packet of packets) {
    const time = packet.time ?? 0n;
    const at = output.reserve(16);
    output.u32(at, Number(time / 1_000_000_000n), order);
    output.u32(at + 4, Number((time % 1_000_000_000n) / unit), order);
    output.u32(at + 8, packet.data.length, order);
    output.u32(at + 12, packet.wireLength ?? packet.data.length, order);
    output.append(packet.data);
  }
}

function writeNewPcapng(
  output: OutputBuffer,
  packets: Iterable<NewPacket>,
  options: NewCapture,
): void {
  writeSection(output);
  for (const one of options.interfaces ?? [{}]) {
    writeInterface(output, one.linkType ?? 1, 0, one.name);
  }
  for (const packet of packets) writeNewEnhanced(output, packet);
}

function writeNewEnhanced(output: OutputBuffer, packet: NewPacket): void {
  const comment = new TextEncoder().encode(packet.comment ?? '');
  const commentSize = comment.length ? 8 + ((comment.length + 3) & ~3) : 0;
  const padded = (packet.data.length + 3) & ~3;
  const size = 32 + padded + commentSize;
  const time = packet.time ?? 0n;
  const at = output.reserve(28);
  output.u32(at, BLOCK_ENHANCED, true);
  output.u32(at + 4, size, true);
  output.u32(at + 8, packet.interfaceId ?? 0, true);
  output.u32(at + 12, Number(time >> 32n), true);
  output.u32(at + 16, Number(time & 0xffffffffn), true);
  output.u32(at + 20, packet.data.length, true);
  output.u32(at + 24, packet.wireLength ?? packet.data.length, true);
  output.append(packet.data);
  output.zeros(padded - packet.data.length);
  if (comment.length) {
    const option = output.reserve(4);
    output.u16(option, 1, true);
    output.u16(option + 2, comment.length, true);
    output.append(comment);
    output.zeros(commentSize - 4 - comment.length);
  }
  output.u32(output.reserve(4), size, true);
}
