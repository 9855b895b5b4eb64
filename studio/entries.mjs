/** Package entries the app imports, and where their sources are. */
import { fileURLToPath } from 'node:url';

const source = (path) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

// Longer names first: an alias is taken where a name begins with it.
export const entries = [
  ['beeyard/verify', source('verifier/index.ts')],
  ['beeyard/debug', source('debug/index.ts')],
  ['beeyard/packet', source('packet/index.ts')],
  ['beeyard/isa', source('isa/index.ts')],
  ['beeyard/btf', source('btf/index.ts')],
  ['beeyard', source('index.ts')],
];
