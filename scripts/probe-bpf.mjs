#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/bpf-6.12.117.json.gz: asks a real Linux 6.12.117 in QEMU what it says to
 * the steps of scripts/vm/bpf-cases.mjs, which go through every command of bpf(2). Takes half a minute.
 *
 *   node scripts/probe-bpf.mjs [--accel kvm|tcg] [--show]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { allSteps } from './vm/bpf-cases.mjs';
import { ENDS, answerOf, askSteps } from './vm/bpf-questions.mjs';
import { Plan } from './vm/plan.mjs';

const { values: options } = parseArgs({
  options: { accel: { type: 'string' }, show: { type: 'boolean' } },
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const asked = askSteps(plan, allSteps(ENDS));
const answers = await answersTo(plan, options.accel);

const about =
  'What Linux 6.12.117 in a virtual machine answers to commands of bpf(2): errno or descriptor, members ' +
  'of union bpf_attr it wrote, buffers. Made by scripts/probe-bpf.mjs.';
const steps = asked.map((one) => ({ ...one.step, answer: answerOf(one, answers) }));
if (options.show) {
  for (const { name, answer } of steps)
    process.stdout.write(`${name}: ${JSON.stringify(answer)}\n`);
}
const path = join(root, 'tests/fixtures/oracle/bpf-6.12.117.json.gz');
writeFileSync(path, gzipSync(JSON.stringify({ about, steps }), { level: 9 }));
process.stdout.write(`${steps.length} steps\n`);
