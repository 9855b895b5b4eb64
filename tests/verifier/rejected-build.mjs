// `node tests/verifier/rejected-build.mjs` rebuilds the committed objects next to this file.
import { writeFileSync } from 'node:fs';
import { compileBpf } from '../../examples/build.mjs';

const sources = {
  rejected: ['-Wno-unused-parameter', '-Wno-unused-variable'],
  'strict-ops': ['-Wno-unused-parameter'],
};
for (const [name, flags] of Object.entries(sources)) {
  const object = compileBpf(`tests/verifier/${name}.bpf.c`, { flags });
  writeFileSync(new URL(`${name}.bpf.o`, import.meta.url), object);
}
