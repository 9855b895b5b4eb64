// `node tests/tools/bpf-ts/build.mjs` rebuilds the committed objects next to this file. Needs a
// build (`npm run build`).
import { readFileSync, writeFileSync } from 'node:fs';
import { compileBpf } from '../../../examples/build.mjs';

const { compileTypeScript } = await import('../../../dist/tools/index.js');

for (const name of ['language', 'rejected']) {
  const source = `tests/tools/bpf-ts/${name}.bpf.ts`;
  const { c } = compileTypeScript(readFileSync(source, 'utf8'), source);
  writeFileSync(new URL(`${name}.bpf.o`, import.meta.url), compileBpf(source, { c }));
}
