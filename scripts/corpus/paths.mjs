/** Where the corpus lives: caches, the kernel's tree, the objects. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const KERNEL = '6.12';

/** Debian's package of a kernel's source. */
export const sourceArchive = (kernel) => `/usr/src/linux-source-${kernel}.tar.xz`;

/** Everything that can be made again: $BEEYARD_CACHE, or ~/.cache/beeyard. */
export const cache = process.env.BEEYARD_CACHE ?? join(homedir(), '.cache', 'beeyard');

/** A folder below the cache; made if it is not there. */
export function cacheFolder(...names) {
  const path = join(cache, ...names);
  mkdirSync(path, { recursive: true });
  return path;
}

/** The variable that names the tree of a kernel: $BEEYARD_KERNEL_TREE, $BEEYARD_KERNEL_TREE_6_1. */
export const treeVariable = (kernel) =>
  `BEEYARD_KERNEL_TREE${kernel === KERNEL ? '' : `_${kernel.replace('.', '_')}`}`;

/** A kernel's tree: what its variable names, else unpacked into the cache. */
export function treeFolder(kernel) {
  const given = process.env[treeVariable(kernel)];
  if (given && existsSync(join(given, 'tools', 'testing'))) return given;
  return join(cache, `selftests-tree-${kernel}`);
}

/** First twelve digits of the SHA-256 of some texts. */
export function keyOf(...texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 12);
}
