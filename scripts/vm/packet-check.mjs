/** What Linux says of hostile packets now, beside the machine: a part of `npm run test:vm`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../lib.mjs';
import { answersTo } from './machine.mjs';
import { answersOf, askAllPackets, recordingOf } from './packet-session.mjs';
import { Plan } from './plan.mjs';

/** The tests that read a recording, with vitest's options for them. */
const TESTS = [
  ['tests/machine/packets.oracle.test.ts'],
  ['--config', 'vitest.tools.config.ts', 'tests/machine/packets-selftests.tools.test.ts'],
];

/** Runs the tests of the recorded answers on fresh ones; true if all pass. They print to stderr. */
export async function checkPackets(beeyard, accelerator) {
  const plan = new Plan();
  const session = askAllPackets(plan, beeyard);
  const cases = answersOf(session, await answersTo(plan, accelerator));
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-packets-'));
  try {
    const path = join(folder, 'packets.json.gz');
    writeFileSync(path, recordingOf(session, cases));
    const env = { ...process.env, BEEYARD_PACKETS: path };
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const codes = TESTS.map((words) => {
      const args = [vitest, 'run', ...words];
      return spawnSync(process.execPath, args, { cwd: root, env, stdio: ['ignore', 2, 2] }).status;
    });
    return codes.every((code) => code === 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
