import { createWriteStream, statSync, type WriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { createGzip, type Gzip } from 'node:zlib';
import { finished } from 'node:stream/promises';
import { FormatError } from '../base/index.ts';
import {
  type CaptureFormat,
  CaptureReader,
  createBatch,
  type PacketBatch,
  unpack,
} from '../tools/pcap/index.ts';
import { CliError, EXIT } from './exit.ts';
import { fileError, readChunks } from './files.ts';
import type { CliIo } from './io.ts';

/** Packets handed on at a time. */
const BATCH = 4096;

/** A capture file being read. */
export class CaptureFile {
  readonly path: string;
  readonly reader = new CaptureReader();
  /** Bytes of the file read so far, and in all (undefined for pipes). */
  consumed = 0;
  readonly size: number | undefined;
  readonly #io: CliIo;

  constructor(path: string, io: CliIo) {
    this.path = path;
    this.#io = io;
    this.size = path === '-' ? undefined : fileSize(path, io);
  }

  /** What is wrong with it, after reading. */
  get problem(): FormatError | undefined {
    return this.reader.problem;
  }

  /** Batches in file order; one may have other blocks only. The same object every time. */
  async *batches(): AsyncGenerator<PacketBatch> {
    const batch = createBatch(BATCH);
    try {
      for await (const chunk of unpack(this.#chunks())) {
        this.reader.push(chunk);
        do {
          this.reader.next(batch);
          if (batch.count > 0 || batch.others.length > 0) yield batch;
        } while (batch.count > 0);
        if (this.reader.problem) return;
      }
      this.reader.end();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.reader.problem = error;
    }
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of readChunks(this.path, this.#io)) {
      this.consumed += chunk.length;
      yield chunk;
    }
  }
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
