#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/cgroup-sockets-6.12.117.json.gz: what a real Linux 6.12.117 in QEMU answers to calls on
 * sockets of a cgroup with programs (scripts/vm/socket-cases.mjs).
 *
 *   node scripts/probe-sockets.mjs [--accel kvm|tcg] [--show]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { Plan } from './vm/plan.mjs';
import { cases } from './vm/socket-cases.mjs';
import { SocketQuestions } from './vm/socket-questions.mjs';

const { values: options } = parseArgs({
  options: { accel: { type: 'string' }, show: { type: 'boolean' } },
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const questions = new SocketQuestions(plan);
const asked = cases().map((one) => questions.ask(one));
const answers = await answersTo(plan, options.accel);
const record = {
  about:
    'Linux 6.12.117 in a virtual machine: calls on sockets of a cgroup whose programs say no, rewrite and listen, and ' +
    'what the calls gave. Made by scripts/probe-sockets.mjs.',
  cases: asked.map((one) => questions.answered(one, answers)),
};
if (options.show) process.stdout.write(`${JSON.stringify(record.cases, undefined, 1)}\n`);
else {
  const path = join(root, 'tests/fixtures/oracle/cgroup-sockets-6.12.117.json.gz');
  writeFileSync(path, gzipSync(JSON.stringify(record), { level: 9 }));
}
