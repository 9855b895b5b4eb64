import { FormatError } from '../../base/index.ts';
import {
  CLASSIC_HEADER_SIZE,
  type ClassicHeader,
  classicByteOrder,
  classicInterface,
  readClassicHeader,
  readClassicRecords,
} from './classic.ts';
import { BLOCK_SECTION, PcapngSection, readBlocks } from './pcapng.ts';
import {
  type ByteRange,
  type CaptureFormat,
  type CaptureInterface,
  createBatch,
  type PacketBatch,
} from './types.ts';

/** Where a reader keeps the bytes of the file it has not finished with. */
export interface CaptureStorage {
  /** Makes it `size` bytes large and keeps the first `keep` bytes. */
  resize(size: number, keep: number): void;
  /** All of it. Asked again whenever the reader starts to work: it may have moved. */
  bytes(): Uint8Array;
  /**
   * Makes bytes `from` .. `to` the first ones, when all others have been read. Without it the
   * reader moves them itself.
   */
  turn?(from: number, to: number): void;
  /** Where the bytes are in a larger memory, if they are part of one. */
  readonly address?: number;
}

class HeapStorage implements CaptureStorage {
  #bytes: Uint8Array = new Uint8Array(0);

  resize(size: number, keep: number): void {
    const larger = new Uint8Array(size);
    larger.set(this.#bytes.subarray(0, keep));
    this.#bytes = larger;
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }
}

/**
 * Reads pcap and pcapng as the bytes come.
 *
 * ```ts
 * const reader = new CaptureReader();
 * const batch = createBatch(1024);
 * for await (const chunk of chunks) {
 *   reader.push(chunk);
 *   while (reader.next(batch) > 0) for (let i = 0; i < batch.count; i++) use(batch, i);
 * }
 * reader.end();
 * if (reader.problem) console.error(reader.problem.message);
 * ```
 * Damage ends the reading but loses nothing before it: `problem` says what and where.
 */
export class CaptureReader {
  format: CaptureFormat | undefined;
  readonly interfaces: CaptureInterface[] = [];
  /** What is wrong with the capture, from the first wrong byte on. */
  problem: FormatError | undefined;
  /** Packets read so far. */
  packets = 0;
  /** The file header of a classic capture. */
  classic: ClassicHeader | undefined;

  section = new PcapngSection();
  readonly #storage: CaptureStorage;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** What is not read yet: from here to there in the storage. */
  #at = 0;
  #end = 0;
  /** File offset of the storage's first byte. */
  #base = 0;
  #ended = false;

  constructor(storage: CaptureStorage = new HeapStorage()) {
    this.#storage = storage;
  }

  /**
   * Room for at least `least` more bytes of the file, to be read into and then announced by
   * `filled`. Batches filled before are invalid from here on.
   */
  space(least: number): Uint8Array {
    const rest = this.#end - this.#at;
    this.#refresh();
    if (this.#storage.turn) this.#storage.turn(this.#at, this.#end);
    else this.#bytes.copyWithin(0, this.#at, this.#end);
    this.#refresh();
    this.#base += this.#at;
    this.#at = 0;
    this.#end = rest;
    if (this.#bytes.length < rest + least) this.#storage.resize(rest + least, rest);
    this.#refresh();
    return this.#bytes.subarray(rest);
  }

  /** Says that the first `size` bytes of the space hold the next bytes of the file. */
  filled(size: number): void {
    this.#end += size;
  }

  /** Hands over more bytes of the file. Batches filled before are invalid from here on. */
  push(chunk: Uint8Array): void {
    this.space(chunk.length).set(chunk);
    this.filled(chunk.length);
  }

  /** Gives a batch its bytes again after the storage may have moved. */
  refresh(batch: PacketBatch): void {
    this.#refresh();
    batch.bytes = this.#bytes;
    batch.address = this.#storage.address;
  }

  #refresh(): void {
    const bytes = this.#storage.bytes();
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Says that the file ends here: bytes left over are then a problem. */
  end(): void {
    this.#ended = true;
    if (this.problem) return;
    const rest = this.#end - this.#at;
    const offset = this.#base + this.#at;
    if (!this.format) {
      const what = offset + rest === 0 ? 'the file is empty' : 'the file is too short for a header';
      this.problem = new FormatError('capture', offset, what);
    } else if (rest > 0) {
      const reason = `the file is cut off: its last ${rest} bytes are an incomplete packet`;
      this.problem = new FormatError(this.format, offset, reason);
    }
  }

  /**
   * Fills the batch with the next packets and returns how many. 0: push more bytes, or the end. A
   * batch with no packets may still hold other blocks.
   */
  next(batch: PacketBatch): number {
    batch.count = 0;
    batch.others = [];
    this.refresh(batch);
    if (this.problem || this.#ended) return 0;
    try {
      if (!this.format && !this.#start()) return 0;
      this.#at = this.classic
        ? readClassicRecords(this.classic, this.#view, this.#range(), batch)
        : readBlocks(this, this.#view, this.#range(), batch);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.problem = error;
    }
    this.packets += batch.count;
    return batch.count;
  }

  #range(): ByteRange {
    return { at: this.#at, end: this.#end, base: this.#base };
  }

  /** Finds out the format; false while there are too few bytes. */
  #start(): boolean {
    if (this.#end < CLASSIC_HEADER_SIZE) return false;
    if (this.#view.getUint32(0, true) === BLOCK_SECTION) {
      this.format = 'pcapng';
      return true;
    }
    const littleEndian = classicByteOrder(this.#view);
    if (littleEndian === undefined) {
      const magic = this.#view.getUint32(0, false).toString(16).padStart(8, '0');
      throw new FormatError('capture', 0, `starts with ${magic}: neither pcap nor pcapng`);
    }
    this.format = 'pcap';
    this.classic = readClassicHeader(this.#bytes, littleEndian);
    this.interfaces.push(classicInterface(this.classic));
    this.#at = CLASSIC_HEADER_SIZE;
    return true;
  }
}

/** All packets of a capture that is in memory, each a view on it. For tests and small files. */
export function readCapture(bytes: Uint8Array): {
  reader: CaptureReader;
  packets: { data: Uint8Array; time: bigint; wireLength: number; interfaceId: number }[];
} {
  const reader = new CaptureReader();
  const batch = createBatch(256);
  const packets: ReturnType<typeof readCapture>['packets'] = [];
  reader.push(bytes);
  while (reader.next(batch) > 0) {
    for (let i = 0; i < batch.count; i++) {
      packets.push({
        data: batch.bytes.subarray(batch.start[i]!, batch.start[i]! + batch.length[i]!),
        time: (BigInt(batch.time[2 * i + 1]!) << 32n) | BigInt(batch.time[2 * i]!),
        wireLength: batch.wireLength[i]!,
        interfaceId: batch.interfaceId[i]!,
      });
    }
  }
  reader.end();
  return { reader, packets };
}
