/** Results of `beeyard ci` by what they are of: object, kernel, shape, and this build. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../import/cache.ts';
import { cacheFolder } from '../import/places.ts';
import type { CiRecord, Shape } from '../tools/ci/index.ts';
import { isRecord } from './ci-records.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';
import { version } from './version.ts';

/** Counts up when what is judged, or how, changes without the version. */
const FORMAT = 2;

export class CiCache {
  readonly #folder: string | undefined;

  /** `enabled` false: remembers nothing. */
  constructor(io: CliIo, enabled: boolean) {
    const base = cacheFolder(io.env);
    this.#folder = enabled && base !== undefined ? join(base, 'ci') : undefined;
  }

  /** Names what would be judged. `build` says which build of beeyard judges. */
  key(bytes: Uint8Array, file: string, kernel: string, shape: Shape, build: string): string {
    const hash = createHash('sha256');
    hash.update(`${toJson([FORMAT, version(), build, file, kernel, shape], false)}\n`);
    return hash.update(bytes).digest('hex');
  }

  read(key: string): CiRecord[] | undefined {
    if (this.#folder === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(readFileSync(this.#path(key), 'utf8'));
      if (Array.isArray(value) && value.every(isRecord)) return value;
    } catch {
      // Not there, or cut short by a crash: judged again.
    }
    return undefined;
  }

  write(key: string, records: readonly CiRecord[]): void {
    if (this.#folder === undefined) return;
    try {
      writeWhole(this.#path(key), JSON.stringify(records));
    } catch {
      // A full or read-only disk: what was judged counts all the same.
    }
  }

  #path(key: string): string {
    return join(this.#folder!, `${key}.json`);
  }
}
