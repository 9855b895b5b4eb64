/** The kernel's own test programs, compiled once into the cache. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const script = new URL('../../scripts/corpus/compile.mjs', import.meta.url).href;

/** Paths of all their objects. */
export async function selftestObjects(): Promise<readonly string[]> {
  const { compiledSelftests } = (await import(script)) as {
    compiledSelftests(): Promise<string>;
  };
  const folder = await compiledSelftests();
  return readdirSync(folder)
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => join(folder, name));
}
