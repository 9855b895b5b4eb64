import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files kept in a folder; when there are more, the older half goes. */
const MOST_FILES = 256;

/**
 * Writes a file of a cache, whole or not at all. Read-only homes and full disks are no error: they
 * only cost the next start some milliseconds.
 */
export function keepFile(place: string, ...parts: readonly Uint8Array[]): void {
  try {
    writeWhole(place, Buffer.concat(parts));
    prune(dirname(place));
  } catch {
    // See above.
  }
}

/** Writes a file, whole or not at all, and its folder if it is not there. */
export function writeWhole(place: string, content: string | Uint8Array): void {
  mkdirSync(dirname(place), { recursive: true });
  const unfinished = `${place}.${process.pid}`;
  writeFileSync(unfinished, content);
  renameSync(unfinished, place);
}

function prune(folder: string): void {
  const names = readdirSync(folder);
  if (names.length <= MOST_FILES) return;
  const files = names
    .map((name) => ({ path: join(folder, name), status: statSync(join(folder, name)) }))
    .filter(({ status }) => status.isFile());
  files.sort((a, b) => a.status.mtimeMs - b.status.mtimeMs);
  for (const { path } of files.slice(0, files.length - MOST_FILES / 2)) rmSync(path);
}

/** What stands before the content of a cache file: u32 length of JSON, and the JSON. */
export function jsonHead(value: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4 + json.length);
  head.writeUInt32LE(json.length, 0);
  json.copy(head, 4);
  return head;
}
