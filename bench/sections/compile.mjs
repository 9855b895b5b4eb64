// From BPF instructions to the first result, by program size: in a fresh process and in a warm one.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { table } from '../lib/table.mjs';

const SIZES = [
  { insns: 1000, warm: 40 },
  { insns: 4000, warm: 20 },
  { insns: 20000, warm: 8 },
  { insns: 100000, warm: 3 },
];
const CHILD = fileURLToPath(new URL('../lib/compile-child.mjs', import.meta.url));

export const title = 'Compiling: milliseconds from instructions to the first result';

function measureSize({ insns, warm }, checks, context) {
  const args = [CHILD, context.beeyard.folder, String(insns), checks, String(warm)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) return { insns, checks, failed: stderr.trim().split('\n').slice(-3).join(' ') };
  const { cold, warm: later } = JSON.parse(stdout);
  const wrong = [cold, ...later].some((one) => !one.same);
  const best = later.reduce((a, b) => (a.total < b.total ? a : b));
  return { insns, checks, cold, best, failed: wrong ? 'differs from the interpreter' : undefined };
}

export async function run(context) {
  const sizes = context.quick ? SIZES.slice(0, 2) : SIZES;
  return sizes.flatMap((size) =>
    ['unchecked', 'checked'].map((checks) => {
      context.progress(`${size.insns} instructions, ${checks}`);
      return measureSize(size, checks, context);
    }),
  );
}

export function render(results) {
  const head = ['instructions', 'mode', 'first in a process', 'warm, best', 'of which compiling'];
  const rows = results.map(({ insns, checks, cold, best, failed }) =>
    failed
      ? [insns.toLocaleString('en'), checks, `FAILED: ${failed}`]
      : [
          insns.toLocaleString('en'),
          checks,
          cold.total.toFixed(1),
          best.total.toFixed(1),
          best.load.toFixed(1),
        ],
  );
  return table([head, ...rows], { left: 2 });
}
