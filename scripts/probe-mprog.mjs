#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/mprog-6.12.117.json.gz: what a real Linux 6.12.117 in QEMU answers to random
 * sequences of attaching to, detaching from and replacing at one tcx attach point (scripts/vm/mprog-cases.mjs),
 * and the order of programs after each step.
 *
 *   node scripts/probe-mprog.mjs [--accel kvm|tcg] [--count 1000] [--seed 1] [--show]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { sequences } from './vm/mprog-cases.mjs';
import { MprogQuestions } from './vm/mprog-questions.mjs';
import { Plan } from './vm/plan.mjs';

const { values: options } = parseArgs({
  options: {
    accel: { type: 'string' },
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    show: { type: 'boolean' },
  },
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const questions = new MprogQuestions(plan);
const asked = sequences(Number(options.count), Number(options.seed)).map((steps) =>
  questions.ask(steps),
);
const answers = await answersTo(plan, options.accel);
const record = {
  about:
    'Linux 6.12.117 in a virtual machine: random requests to the tcx ingress of a device, their errno, and the ' +
    'order of programs (program, or program/link) after each. Made by scripts/probe-mprog.mjs.',
  sequences: asked.map((one) => questions.answered(one, answers)),
};
if (options.show) process.stdout.write(`${JSON.stringify(record.sequences, undefined, 1)}\n`);
else {
  const path = join(root, 'tests/fixtures/oracle/mprog-6.12.117.json.gz');
  writeFileSync(path, gzipSync(JSON.stringify(record), { level: 9 }));
}
