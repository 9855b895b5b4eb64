// `node tests/verifier/causes/build.mjs [NAME…]` rebuilds the committed objects of this folder.
import { readdirSync, writeFileSync } from 'node:fs';
import { compileBpf } from '../../../examples/build.mjs';

/** The programs are wrong on purpose; what clang would say of that is not wanted. */
const flags = ['-Wno-everything'];
const folder = new URL('./', import.meta.url);
const names = process.argv.slice(2);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.bpf.c'))) {
  if (names.length > 0 && !names.includes(file.replace('.bpf.c', ''))) continue;
  const bytes = compileBpf(`tests/verifier/causes/${file}`, { flags });
  writeFileSync(new URL(file.replace(/\.c$/, '.o'), folder), bytes);
}
