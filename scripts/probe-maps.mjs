#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/maps-6.12.117.json.gz: asks a real Linux 6.12.117 in QEMU what it says to
 * the creations and commands of scripts/vm/map-cases.mjs, for every map type. Takes a minute or two.
 *
 *   node scripts/probe-maps.mjs [--accel kvm|tcg] [--show] [TYPE…]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { fail, root } from './lib.mjs';
import { answersTo, missingTools } from './vm/machine.mjs';
import { TYPES, creations, runs } from './vm/map-cases.mjs';
import { MapQuestions } from './vm/map-questions.mjs';
import { Plan } from './vm/plan.mjs';

const { values: options, positionals } = parseArgs({
  options: { accel: { type: 'string' }, show: { type: 'boolean' } },
  allowPositionals: true,
});

const missing = missingTools();
if (missing) fail(missing, 4);

const plan = new Plan();
const questions = new MapQuestions(plan);
const asked = Object.keys(TYPES).filter(
  (type) => positionals.length === 0 || positionals.includes(type),
);
const types = asked.map((type) => {
  const usual = TYPES[type];
  return {
    type,
    usual,
    create: creations(usual).map((changes) => questions.create(type, usual, changes)),
    runs: runs(type, usual).map((run) => questions.run(type, usual, run)),
  };
});

const answers = await answersTo(plan, options.accel);

const about =
  'Linux 6.12.117 in a virtual machine with one CPU: errno of BPF_MAP_CREATE for changes to a definition ' +
  'of each map type, and results of commands on one map after the other. Made by scripts/probe-maps.mjs.';
const record = {
  about,
  types: types.map(({ type, usual, create, runs: all }) => ({
    type,
    usual: questions.definition(usual),
    create: create.map((one) => questions.created(one, answers)),
    runs: all.map((one) => questions.answered(one, answers)),
  })),
};
if (options.show) process.stdout.write(`${JSON.stringify(record.types, undefined, 1)}\n`);
if (positionals.length === 0) {
  const path = join(root, 'tests/fixtures/oracle/maps-6.12.117.json.gz');
  writeFileSync(path, gzipSync(JSON.stringify(record), { level: 9 }));
}
