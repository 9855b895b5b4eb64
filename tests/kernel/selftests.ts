import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder of the kernel's selftests, compiled; `node scripts/verify-corpus.mjs` makes it. */
export const selftests = folderWith('exceptions.bpf.o');

function folderWith(object: string): string | undefined {
  const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
  return (existsSync(cache) ? readdirSync(cache) : [])
    .filter((name) => /^selftests-[0-9a-f]+/.test(name))
    .map((name) => join(cache, name))
    .find((path) => existsSync(join(path, object)));
}

/** Names of all objects, without '.bpf.o', sorted. */
export function selftestNames(): string[] {
  return readdirSync(selftests!)
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => name.slice(0, -'.bpf.o'.length))
    .sort();
}

export const selftest = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(selftests!, `${name}.bpf.o`)));
