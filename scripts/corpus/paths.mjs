/** Where the corpus lives: caches, the kernel's tree, the objects. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const KERNEL = '6.12';

/** Everything that can be made again: $BEEYARD_CACHE, or ~/.cache/beeyard. */
export const cache = process.env.BEEYARD_CACHE ?? join(homedir(), '.cache', 'beeyard');

/** A folder below the cache; made if it is not there. */
export function cacheFolder(...names) {
  const path = join(cache, ...names);
  mkdirSync(path, { recursive: true });
  return path;
}

/** First twelve digits of the SHA-256 of some texts. */
export function keyOf(...texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 12);
}
