#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/hooks-6.12.117.json.gz: asks a real Linux 6.12.117 in QEMU what it says to
 * the steps of scripts/vm/hook-cases.mjs (netfilter, flow dissectors, sk_lookup, extensions). Takes half a
 * minute.
 *
 *   node scripts/probe-hooks.mjs [--accel kvm|tcg] [--show]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { answerOf, askSteps } from './vm/bpf-questions.mjs';
import { hookSteps } from './vm/hook-cases.mjs';
import { Plan } from './vm/plan.mjs';

const { values: options } = parseArgs({
  options: { accel: { type: 'string' }, show: { type: 'boolean' } },
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const asked = askSteps(plan, hookSteps());
const answers = await answersTo(plan, options.accel);

const about =
  'What Linux 6.12.117 in a virtual machine answers to commands of bpf(2) about hooks at no device. Made ' +
  'by scripts/probe-hooks.mjs.';
const steps = asked.map((one) => ({ ...one.step, answer: answerOf(one, answers) }));
if (options.show) {
  for (const { name, answer } of steps)
    process.stdout.write(`${name}: ${JSON.stringify(answer)}\n`);
}
const path = join(root, 'tests/fixtures/oracle/hooks-6.12.117.json.gz');
writeFileSync(path, gzipSync(JSON.stringify({ about, steps }), { level: 9 }));
process.stdout.write(`${steps.length} steps\n`);
