import {
  closeSync,
  createWriteStream,
  openSync,
  readSync,
  statSync,
  type WriteStream,
} from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGunzip, createGzip, type Gzip } from 'node:zlib';
import { FormatError } from '../base/index.ts';
import {
  type CaptureFormat,
  CaptureReader,
  type CaptureStorage,
  createBatch,
  isGzip,
  type PacketBatch,
  unpack,
} from '../tools/pcap/index.ts';
import { CliError, EXIT } from './exit.ts';
import { fileError, readChunks } from './files.ts';
import type { CliIo } from './io.ts';

/** Packets handed on at a time: enough for several CPUs. */
const BATCH = 16384;

/** A capture file being read. */
export class CaptureFile {
  readonly path: string;
  readonly reader: CaptureReader;
  /** Bytes of the file read so far, and in all (undefined for pipes). */
  consumed = 0;
  readonly size: number | undefined;
  readonly #io: CliIo;

  /** `storage`: where its bytes are to be kept. */
  constructor(path: string, io: CliIo, storage?: CaptureStorage) {
    this.path = path;
    this.#io = io;
    this.reader = new CaptureReader(storage);
    this.size = path === '-' ? undefined : fileSize(path, io);
  }

  /** What is wrong with it, after reading. */
  get problem(): FormatError | undefined {
    return this.reader.problem;
  }

  /** Batches in file order; one may have other blocks only. The same object every time. */
  async *batches(): AsyncGenerator<PacketBatch> {
    const batch = createBatch(BATCH);
    const { reader } = this;
    const plain = this.path !== '-' && !isGzip(firstBytes(this.path, this.#io));
    try {
      for await (const _ of plain ? this.#direct() : this.#unpacked()) {
        do {
          reader.next(batch);
          if (batch.count > 0 || batch.others.length > 0) yield batch;
        } while (batch.count > 0);
        if (reader.problem) return;
      }
      reader.end();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      reader.problem = error;
    }
  }

  /** Reads the file straight into the reader's storage. */
  async *#direct(): AsyncGenerator<void> {
    const space = (least: number) => this.reader.space(least);
    for await (const chunk of readChunks(this.path, this.#io, space)) {
      this.reader.filled(chunk.length);
      this.consumed += chunk.length;
      yield;
    }
  }

  async *#unpacked(): AsyncGenerator<void> {
    for await (const chunk of unpack(this.#chunks(), nodeGunzip)) {
      this.reader.push(chunk);
      yield;
    }
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    const space = (least: number) => new Uint8Array(least);
    for await (const chunk of readChunks(this.path, this.#io, space)) {
      this.consumed += chunk.length;
      yield chunk;
    }
  }
}

/** Small enough to lose little of a damaged file, big enough to be quick. */
const UNPACKED_PIECE = 1 << 16;

/** Node's own unpacker: several times faster than the web platform's. */
function nodeGunzip(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks);
  const gunzip = createGunzip({ chunkSize: UNPACKED_PIECE });
  source.on('error', (error) => gunzip.destroy(error));
  return source.pipe(gunzip);
}

/** Enough of the file to see whether it is packed. */
function firstBytes(path: string, io: CliIo): Uint8Array {
  const bytes = new Uint8Array(2);
  try {
    const file = openSync(resolve(io.cwd, path), 'r');
    readSync(file, bytes, 0, 2, null);
    closeSync(file);
  } catch (error) {
    throw fileError(path, error);
  }
  return bytes;
}

function fileSize(path: string, io: CliIo): number | undefined {
  try {
    const status = statSync(resolve(io.cwd, path));
    return status.isFile() ? status.size : undefined;
  } catch (error) {
    throw fileError(path, error);
  }
}

/** The format a file name asks for; the input's where it says nothing. */
export function formatFor(path: string, input: CaptureFormat): CaptureFormat {
  const name = path.replace(/\.gz$/i, '');
  if (/\.pcapng$/i.test(name)) return 'pcapng';
  return /\.(pcap|cap|dmp)$/i.test(name) ? 'pcap' : input;
}

/** A file being written, packed if its name ends in .gz. */
export class OutputFile {
  readonly #file: WriteStream;
  readonly #gzip: Gzip | undefined;
  #error: unknown;

  constructor(path: string, io: CliIo) {
    this.#file = createWriteStream(resolve(io.cwd, path));
    this.#file.on('error', (error) => {
      this.#error = new CliError(EXIT.input, `cannot write ${path}: ${error.message}`);
    });
    if (/\.gz$/i.test(path)) {
      this.#gzip = createGzip();
      this.#gzip.pipe(this.#file);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#error) throw this.#error;
    const stream = this.#gzip ?? this.#file;
    if (!stream.write(bytes)) {
      await Promise.race([
        new Promise<void>((ready) => stream.once('drain', ready)),
        new Promise<void>((ready) => this.#file.once('error', () => ready())),
      ]);
    }
    if (this.#error) throw this.#error;
  }

  async close(): Promise<void> {
    (this.#gzip ?? this.#file).end();
    await finished(this.#file).catch(() => undefined);
    if (this.#error) throw this.#error;
  }
}
