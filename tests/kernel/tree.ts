import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');

/**
 * A file or folder below tools/testing/selftests/bpf of the kernel's tree, if there is one:
 * $BEEYARD_KERNEL_TREE, or what `node scripts/verify-corpus.mjs` unpacks.
 */
export const selftestSource = (path: string): string | undefined =>
  [process.env['BEEYARD_KERNEL_TREE'], join(cache, 'selftests-tree-6.12')]
    .filter((tree) => tree !== undefined)
    .map((tree) => join(tree, 'tools/testing/selftests/bpf', path))
    .find((at) => existsSync(at));
