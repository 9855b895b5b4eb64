#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/sockmap-6.12.117.json.gz: asks a real Linux 6.12.117 in QEMU what it
 * does in the cases of scripts/vm/sockmap-cases.mjs: maps of sockets, their programs, data that moves
 * between sockets, groups that share a port.
 *
 *   node scripts/probe-sockmap.mjs [--accel kvm|tcg] [--show] [--only TEXT]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { Plan } from './vm/plan.mjs';
import { socketCases } from './vm/sockmap-cases.mjs';
import { answerOf, askCases } from './vm/sockmap-questions.mjs';

const { values: options } = parseArgs({
  options: { accel: { type: 'string' }, show: { type: 'boolean' }, only: { type: 'string' } },
});

const missing = missingTools();
if (missing) fail(missing, 4);

const wanted = socketCases.filter(({ name }) => name.includes(options.only ?? ''));
const plan = new Plan();
const asked = await askCases(plan, wanted);
const answers = await answersTo(plan, options.accel);

const about =
  'What Linux 6.12.117 in a virtual machine does with maps of sockets and groups that share a port: ' +
  'results, data received, what programs saw. Made by scripts/probe-sockmap.mjs.';
const cases = asked.map(({ name, steps, places }) => ({
  name,
  steps: steps.map((step, i) => {
    const answer = answerOf(step, places[i], answers);
    return answer ? { ...step, answer } : step;
  }),
}));
if (options.show) {
  for (const { name, steps } of cases) {
    process.stdout.write(`${name}\n`);
    for (const { answer, ...step } of steps) {
      process.stdout.write(`  ${JSON.stringify(step)} -> ${JSON.stringify(answer)}\n`);
    }
  }
}
const count = cases.reduce((sum, { steps }) => sum + steps.length, 0);
if (!options.only) {
  const path = join(root, 'tests/fixtures/oracle/sockmap-6.12.117.json.gz');
  writeFileSync(path, gzipSync(JSON.stringify({ about, cases }), { level: 9 }));
}
process.stdout.write(`${cases.length} cases, ${count} steps\n`);
