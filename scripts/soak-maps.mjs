/**
 * Random operations on maps for minutes, under adversarial grace periods and too little memory,
 * against models (tests/runtime/soak.ts): nothing may be lost, leak, or crash.
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
const env = { ...process.env, SOAK_MINUTES: values.minutes, SOAK_SEED: values.seed };
const result = spawnSync(bin('vitest'), ['run', 'tests/runtime/soak.test.ts'], {
  cwd: root,
  env,
  stdio: 'inherit',
});
process.exitCode = result.status ?? 1;
