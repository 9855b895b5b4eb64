#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/packets-6.12.117.json.gz: runs the programs of scripts/vm/packet-cases.mjs on
 * 200 hostile packets each in a real Linux 6.12.117 in QEMU. Takes about a minute; needs a build and
 * the compiled selftests (`node scripts/verify-corpus.mjs`).
 *
 *   node scripts/probe-packets.mjs [--accel kvm|tcg] [--show] [FILE…]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { openBuilt } from './vm/open-built.mjs';
import { answersOf, askAllPackets, recordingOf } from './vm/packet-session.mjs';
import { Plan } from './vm/plan.mjs';

const { values: options, positionals } = parseArgs({
  options: { accel: { type: 'string' }, show: { type: 'boolean' } },
  allowPositionals: true,
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const session = askAllPackets(plan, await openBuilt(), positionals);
const answers = await answersTo(plan, options.accel);
const cases = answersOf(session, answers);

for (const { name, answers: said } of options.show ? cases : []) {
  const { errno, runs } = said;
  process.stdout.write(`${name}: ${errno ? `errno ${errno}` : runs.join(' | ').slice(0, 300)}\n`);
}
if (positionals.length === 0) {
  const path = join(root, 'tests/fixtures/oracle/packets-6.12.117.json.gz');
  writeFileSync(path, recordingOf(session, cases));
}
process.stdout.write(`${cases.length} programs\n`);
