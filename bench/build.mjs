#!/usr/bin/env node
// Compiles bench/programs/*.bpf.c to the committed objects. `--cpu v4` for another instruction set.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileBpf, root } from '../examples/build.mjs';
import { mapFiles } from './maps.mjs';
import { programs } from './programs.mjs';

const { values } = parseArgs({ options: { cpu: { type: 'string', default: 'v3' } } });
/** Objects of sections of their own. */
const others = ['map_keys', 'static_keys'];
const sources = [
  ...[...programs.map((one) => one.name), ...others].map((name) => `bench/programs/${name}`),
  ...mapFiles.map((name) => `bench/maps/${name}`),
];
for (const source of sources) {
  const bytes = compileBpf(`${source}.bpf.c`, { cpu: values.cpu });
  writeFileSync(join(root, `${source}.bpf.o`), bytes);
}
console.log(`${sources.length} objects, cpu ${values.cpu}`);
