// The verifier on the kernel's own large programs: instructions processed a second, without log.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiledSelftests } from '../../scripts/corpus/compile.mjs';
import { KERNEL } from '../../scripts/corpus/paths.mjs';
import { sourceArchive } from '../../scripts/corpus/tree.mjs';
import { table } from '../lib/table.mjs';

/** Objects of the selftests and their programs. */
const PROGRAMS = [
  ['pyperf50', 'on_event'],
  ['pyperf100', 'on_event'],
  ['pyperf180', 'on_event'],
  ['pyperf600_nounroll', 'on_event'],
  ['pyperf_subprogs', 'on_event'],
  ['strobemeta', 'on_event'],
  ['strobemeta_nounroll1', 'on_event'],
  ['strobemeta_nounroll2', 'on_event'],
  ['strobemeta_subprogs', 'on_event'],
  ['loop1', 'nested_loops'],
  ['loop3', 'while_true'],
  ['test_verif_scale1', 'balancer_ingress'],
  ['test_verif_scale2', 'balancer_ingress'],
  ['test_verif_scale3', 'balancer_ingress'],
];
const CHILD = fileURLToPath(new URL('../lib/verify-child.mjs', import.meta.url));

export const title = 'Verifying the large programs of the kernel: million instructions a second';

function measure(folder, [file, program], rounds, context) {
  const path = join(folder, `${file}.bpf.o`);
  const args = [CHILD, context.beeyard.folder, path, program, String(rounds)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const name = file;
  if (status !== 0) return { name, failed: stderr.trim().split('\n').slice(-3).join(' ') };
  const { processed, peakStates, times, memory } = JSON.parse(stdout);
  const rate = (ms) => processed / ms / 1000;
  return {
    name,
    processed,
    peakStates,
    first: rate(times[0]),
    best: rate(Math.min(...times)),
    memory,
  };
}

export async function run(context) {
  if (!context.native || !existsSync(sourceArchive(KERNEL))) return [];
  const folder = await compiledSelftests();
  const programs = PROGRAMS.filter(([name]) => context.wants(name));
  const rounds = context.quick ? 2 : 5;
  return (context.quick ? programs.slice(-3) : programs).map((program) => {
    context.progress(`verifying ${program[0]}`);
    return measure(folder, program, rounds, context);
  });
}

const millions = (rate) => rate.toFixed(2);

export function render(results) {
  if (results.length === 0) return 'needs clang-19 and linux-source-6.12 (apt-get install)\n';
  const head = ['program', 'instructions', 'peak states', 'first in a process', 'warm, best', 'MB'];
  const rows = results.map(({ name, processed, peakStates, first, best, memory, failed }) =>
    failed
      ? [name, `FAILED: ${failed}`]
      : [
          name,
          processed.toLocaleString('en'),
          peakStates.toLocaleString('en'),
          millions(first),
          millions(best),
          (memory / 1e6).toFixed(0),
        ],
  );
  const fine = results.filter(({ failed }) => !failed);
  const middle = (of) => fine.map(of).sort((a, b) => a - b)[fine.length >> 1];
  if (fine.length > 1) {
    rows.push([
      'median',
      '',
      '',
      millions(middle((one) => one.first)),
      millions(middle((one) => one.best)),
      '',
    ]);
  }
  return table([head, ...rows], { left: 1 });
}
