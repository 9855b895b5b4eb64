#!/usr/bin/env node
// Compiles bench/programs/*.bpf.c to the committed objects. `--cpu v4` for another instruction set.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileBpf, root } from '../examples/build.mjs';
import { programs } from './programs.mjs';

const { values } = parseArgs({ options: { cpu: { type: 'string', default: 'v3' } } });
/** Of sections with programs of their own. */
const others = [{ name: 'map_keys' }];

for (const { name } of [...programs, ...others]) {
  const bytes = compileBpf(`bench/programs/${name}.bpf.c`, { cpu: values.cpu });
  writeFileSync(join(root, 'bench', 'programs', `${name}.bpf.o`), bytes);
}
console.log(`${programs.length + others.length} objects, cpu ${values.cpu}`);
