/** Results of `beeyard ci` by what they are of: an object's bytes, a kernel, a shape, this version. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CiRecord, Shape } from '../tools/ci/index.ts';
import type { CliIo } from './io.ts';
import { version } from './version.ts';

/** Counts up when what is judged, or how, changes without the version. */
const FORMAT = 1;

export class CiCache {
  readonly #folder: string | undefined;

  /** `enabled` false: remembers nothing. */
  constructor(io: CliIo, enabled: boolean) {
    const base =
      io.env['BEEYARD_CACHE'] ??
      join(io.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'beeyard');
    this.#folder = enabled ? join(base, 'ci') : undefined;
  }

  /** Names what would be judged. `build` says which build of beeyard judges. */
  key(bytes: Uint8Array, file: string, kernel: string, shape: Shape, build: string): string {
    const hash = createHash('sha256');
    hash.update(JSON.stringify([FORMAT, version(), build, file, kernel, shape]));
    return hash.update(bytes).digest('hex');
  }

  read(key: string): CiRecord[] | undefined {
    if (this.#folder === undefined) return undefined;
    try {
      return JSON.parse(readFileSync(this.#path(key), 'utf8')) as CiRecord[];
    } catch {
      // Not there, or cut short by a crash: judged again.
      return undefined;
    }
  }

  write(key: string, records: readonly CiRecord[]): void {
    if (this.#folder === undefined) return;
    mkdirSync(this.#folder, { recursive: true });
    const draft = `${this.#path(key)}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(records));
    renameSync(draft, this.#path(key));
  }

  #path(key: string): string {
    return join(this.#folder!, `${key}.json`);
  }
}
