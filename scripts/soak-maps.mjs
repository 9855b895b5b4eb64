/**
 * Random operations on maps for minutes, under adversarial grace periods and too little memory,
 * against models: half of the time the maps alone (tests/runtime/soak.ts), half of it programs with
 * timers, objects, rings, storage and maps of maps (tests/machine/soak.ts). Nothing may be lost, leak,
 * or crash.
 *
 *   node scripts/soak-maps.mjs --minutes 10 --seed 1
 *
 * Says which seed failed; the same seed fails again.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { bin, root } from './lib.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
});
if (!(Number(values.minutes) > 0) || !Number.isInteger(Number(values.seed))) {
  process.stderr.write('usage: node scripts/soak-maps.mjs [--minutes N] [--seed S]\n');
  process.exit(2);
}
const env = {
  ...process.env,
  SOAK_MINUTES: String(Number(values.minutes) / 2),
  SOAK_SEED: values.seed,
};
const tests = ['tests/runtime/soak.test.ts', 'tests/machine/soak.test.ts'];
const result = spawnSync(bin('vitest'), ['run', '--no-file-parallelism', ...tests], {
  cwd: root,
  env,
  stdio: 'inherit',
});
process.exitCode = result.status ?? 1;
