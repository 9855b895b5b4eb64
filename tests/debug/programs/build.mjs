// `node tests/debug/programs/build.mjs` rebuilds the committed object next to this file.
import { writeFileSync } from 'node:fs';
import { compileBpf } from '../../../examples/build.mjs';

const object = compileBpf('tests/debug/programs/variables.bpf.c', { keepDwarf: true });
writeFileSync(new URL('variables.bpf.o', import.meta.url), object);
