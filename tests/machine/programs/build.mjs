// `node tests/machine/programs/build.mjs` rebuilds the committed object next to this file.
import { writeFileSync } from 'node:fs';
import { compileBpf } from '../../../examples/build.mjs';

const source = 'tests/machine/programs/net.bpf.c';
writeFileSync(
  new URL('net.bpf.o', import.meta.url),
  compileBpf(source, { flags: ['-Wno-unused-parameter'] }),
);
