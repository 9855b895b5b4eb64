// `node tests/verifier/rejected-build.mjs` rebuilds the committed object next to this file.
import { writeFileSync } from 'node:fs';
import { compileBpf } from '../../examples/build.mjs';

const source = 'tests/verifier/rejected.bpf.c';
const flags = ['-Wno-unused-parameter', '-Wno-unused-variable'];
writeFileSync(new URL('rejected.bpf.o', import.meta.url), compileBpf(source, { flags }));
