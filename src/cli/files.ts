import {
  closeSync,
  createReadStream,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FormatError } from '../base/index.ts';
import { type ObjectFile, parseObject } from '../object/index.ts';
import { CliError, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';

/** Bytes read from a file at a time. */
const CHUNK = 4 << 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a directory',
};

/** A CliError for a file the system does not let us use. */
export function fileError(path: string, error: unknown): CliError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const reason = REASONS[code] ?? (error as Error).message;
  return new CliError(EXIT.input, `${path}: ${reason}`, undefined, { cause: error });
}

export function readBytes(path: string, io: CliIo): Uint8Array {
  const compiled = io.compiled?.get(path);
  if (compiled) return compiled;
  try {
    return readFileSync(path === '-' ? 0 : resolve(io.cwd, path));
  } catch (error) {
    throw fileError(path, error);
  }
}

/** What a module of the user's exports. Throws CliError if it cannot be loaded. */
export async function importModule(path: string, io: CliIo): Promise<Record<string, unknown>> {
  try {
    const url = pathToFileURL(resolve(io.cwd, path)).href;
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.input, `${path}: ${reason}`);
  }
}

export function writeBytes(path: string, bytes: Uint8Array, io: CliIo): void {
  try {
    writeFileSync(resolve(io.cwd, path), bytes);
  } catch (error) {
    throw fileError(path, error);
  }
}

/** Throws a CliError if the file is not there or may not be read. */
export function accessFile(path: string, io: CliIo): void {
  try {
    closeSync(openSync(resolve(io.cwd, path), 'r'));
  } catch (error) {
    throw fileError(path, error);
  }
}

/** Reads and parses an object file. */
export function readObject(path: string, io: CliIo): ObjectFile {
  return objectAndFile(path, io).object;
}

/** The object, and the bytes of its file. */
export function objectAndFile(path: string, io: CliIo): { object: ObjectFile; file: Uint8Array } {
  const file = readBytes(path, io);
  try {
    return { object: parseObject(file), file };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
}

/**
 * Reads a file into buffers that `space` gives, in large pieces; yields the bytes of each. `-` is
 * standard input.
 */
export async function* readChunks(
  path: string,
  io: CliIo,
  space: (least: number) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  if (path === '-') {
    yield* createReadStream('', { fd: 0, autoClose: false, highWaterMark: CHUNK });
    return;
  }
  let file: number;
  try {
    file = openSync(resolve(io.cwd, path), 'r');
  } catch (error) {
    throw fileError(path, error);
  }
  try {
    for (;;) {
      const room = space(CHUNK);
      const size = readSync(file, room, 0, room.length, null);
      if (size === 0) return;
      yield room.subarray(0, size);
    }
  } catch (error) {
    throw fileError(path, error);
  } finally {
    closeSync(file);
  }
}
