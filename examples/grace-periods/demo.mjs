#!/usr/bin/env node
// A trie whose readers need no lock, under each policy: how often one saw what was never true, and
// why. Needs a build.
//   node examples/grace-periods/demo.mjs [SEED]
import { readFileSync } from 'node:fs';
import { createMachine } from '../../dist/index.js';
import { schedules } from './schedules.mjs';

const seed = Number(process.argv[2] ?? 1);
const object = readFileSync(new URL('trie.bpf.o', import.meta.url));
const packets = schedules(seed, 2000);

const place = ({ program, source }) =>
  program ? `${program}, line ${source?.line}: ${source?.text.trim()}` : 'bpf(2)';

async function runWith(options) {
  const host = await createMachine({ seed, ...options });
  const { programs, globals } = await host.load(object);
  for (const data of packets) programs.trie.run({ data });
  const { reuses } = host.memory;
  const report = host.memory.report();
  return { wrong: globals.get('wrong'), found: globals.get('found'), reuses, report };
}

console.log('reuse                grace periods   found   wrong   peak of elements');
let example;
for (const reuse of ['immediate', 'after-grace-period']) {
  for (const gracePeriods of ['eager', 'lazy', 'adversarial']) {
    const result = await runWith({ gracePeriods, memory: { reuse }, detectReuse: true });
    example ??= result.reuses[0];
    const cells = [
      reuse.padEnd(20),
      gracePeriods.padEnd(15),
      String(result.found).padStart(5),
      String(result.wrong).padStart(7),
      String(result.report.pools.find(({ name }) => name === 'nodes').heldPeak).padStart(18),
    ];
    console.log(cells.join(' '));
  }
}
if (example) {
  console.log(
    `\nThe first element of map '${example.name}' that was reused under a reader's eyes:`,
  );
  console.log(`  got in     ${place(example.obtained)}`);
  console.log(`  freed in   ${place(example.freed)}`);
  console.log(`  reused in  ${place(example.reused)}`);
}
