#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/cgroup-6.12.117.json.gz: what a real Linux 6.12.117 in QEMU answers to random
 * sequences of requests to a tree of cgroups (scripts/vm/cgroup-cases.mjs), and which programs each cgroup has
 * and runs after each step.
 *
 *   node scripts/probe-cgroup.mjs [--accel kvm|tcg] [--count 400] [--seed 1] [--show]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { sequences } from './vm/cgroup-cases.mjs';
import { CgroupQuestions } from './vm/cgroup-questions.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { Plan } from './vm/plan.mjs';

const { values: options } = parseArgs({
  options: {
    accel: { type: 'string' },
    count: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    show: { type: 'boolean' },
  },
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const questions = new CgroupQuestions(plan);
const asked = sequences(Number(options.count), Number(options.seed)).map((steps) =>
  questions.ask(steps),
);
const answers = await answersTo(plan, options.accel);
const record = {
  about:
    'Linux 6.12.117 in a virtual machine: random requests to a tree of cgroups, their errno, and after each of every ' +
    'cgroup what it has (flags@revision programs) and what it runs. Made by scripts/probe-cgroup.mjs.',
  sequences: asked.map((one) => questions.answered(one, answers)),
};
if (options.show) process.stdout.write(`${JSON.stringify(record.sequences, undefined, 1)}\n`);
else {
  const path = join(root, 'tests/fixtures/oracle/cgroup-6.12.117.json.gz');
  writeFileSync(path, gzipSync(JSON.stringify(record), { level: 9 }));
}
