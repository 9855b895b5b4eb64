// `node tests/machine/programs/build.mjs` rebuilds the committed objects next to this file.
import { writeFileSync } from 'node:fs';
import { compileBpf } from '../../../examples/build.mjs';

for (const name of [
  'net',
  'kfuncs',
  'owned',
  'dynptr',
  'insns',
  'locks',
  'throws',
  'leak',
  'timers',
  'sockets',
  'sockmap',
  'contexts-sk',
  'traced',
  'hooks',
  'replacements',
  'tracers',
  'packet-events',
  'soak',
]) {
  const source = `tests/machine/programs/${name}.bpf.c`;
  const object = compileBpf(source, { flags: ['-Wno-unused-parameter'] });
  writeFileSync(new URL(`${name}.bpf.o`, import.meta.url), object);
}
