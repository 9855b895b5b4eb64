/** Where the corpus lives: caches, the kernel's tree, the objects. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { load } from './source.mjs';

const trees = await load('src/cli/selftests/tree.ts');

export const { keyOf } = trees;

export const KERNEL = '6.12';

/** Everything that can be made again: $BEEYARD_CACHE, or ~/.cache/beeyard. */
export const cache = trees.cacheOf(process.env);

/** A folder below the cache; made if it is not there. */
export function cacheFolder(...names) {
  const path = join(cache, ...names);
  mkdirSync(path, { recursive: true });
  return path;
}
