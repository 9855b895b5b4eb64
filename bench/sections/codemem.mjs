// Code memory: many small filters in packs of different sizes, each measured in a fresh process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { filterObject } from '../../examples/code-memory/filters.mjs';
import { kernelSizes } from '../lib/codemem-kernel.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';

const CHILD = fileURLToPath(new URL('../lib/codemem-child.mjs', import.meta.url));
const PACKS = [1, 16, 64, 256];

export const title = 'Code memory: small filters, so many in a WebAssembly module';

function child(context, count, pack) {
  const args = ['--expose-gc', CHILD, context.beeyard.folder, String(count), String(pack)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim().split('\n').slice(-3).join(' '));
  return JSON.parse(stdout);
}

export async function run(context) {
  const count = context.quick ? 200 : 1000;
  const rounds = context.quick ? 1 : 5;
  const samples = new Map(PACKS.map((pack) => [pack, []]));
  // Sizes take turns, so that a busy moment of the machine hits all of them.
  for (let round = 0; round < rounds; round++) {
    for (const pack of PACKS) {
      context.progress(`packs of ${pack}, round ${round + 1} of ${rounds}`);
      samples.get(pack).push(child(context, count, pack));
    }
  }
  const digests = new Set([...samples.values()].flat().map(({ digest }) => digest));
  if (digests.size !== 1) throw new Error('filters in packs give other verdicts');
  context.progress('the same filters in Linux');
  const isa = await import(pathToFileURL(join(context.beeyard.folder, 'isa/index.js')).href);
  const everyone = Array.from({ length: count }, (_, i) => i);
  return {
    packs: PACKS.map((pack) => ({ pack, count, ...summary(samples.get(pack)) })),
    linux: await kernelSizes(filterObject(isa, everyone, count)),
  };
}

/** A line about Linux's machine code, or why there is none. */
function linuxLine(linux) {
  if (typeof linux === 'string') return `  Linux: not measured: ${linux.split('\n')[0]}`;
  const { programs, bytes, chunks } = linux;
  const each = (all) => (all / programs).toFixed(0);
  return `  Linux 6.12: ${each(bytes)} bytes of x86-64 code a filter, ${each(chunks)} in chunks of 64.`;
}

/** Times: the best of all rounds, as others only add to them. Memory: the median. */
function summary(all) {
  const best = (of) => Math.min(...all.map(of));
  const middle = (of) => median(all.map(of));
  const [{ packs, bytes, live, insns, moved }] = all;
  return {
    packs,
    bytes,
    live,
    insns,
    moved,
    load: best((one) => one.load),
    first: best((one) => one.first),
    add: best((one) => one.add),
    remove: best((one) => one.remove),
    anew: best((one) => one.anew),
    rss: middle((one) => one.loaded.rss),
    rssRun: middle((one) => one.run.rss),
    heap: middle((one) => one.loaded.heap),
  };
}

export function render({ packs: results, linux }) {
  const head = ['pack', 'modules', 'wasm B', 'load ms', 'RSS KiB', 'run, KiB', 'heap KiB'].concat(
    'first run µs',
    'add one µs',
    'remove µs',
    'anew ms',
  );
  const each = (count, bytes) => (bytes / count / 1024).toFixed(1);
  const rows = results.map((one) => [
    String(one.pack),
    String(one.packs),
    String(Math.round(one.bytes / one.count)),
    one.load.toFixed(0),
    each(one.count, one.rss),
    each(one.count, one.rssRun),
    each(one.count, one.heap),
    ((1000 * one.first) / one.count).toFixed(1),
    (1000 * one.add).toFixed(0),
    (1000 * one.remove).toFixed(0),
    one.anew.toFixed(0),
  ]);
  const [{ count, insns }] = results;
  const { moved } = results.at(-1);
  return [
    ...table([head, ...rows]),
    '',
    `  ${count} generated filters of ${(insns / count).toFixed(0)} instructions; bytes and KiB are per filter.`,
    '  load: processor time from BPF to callable, all of them. RSS: after that, and after all ran.',
    `  add, remove: one program alone, the fastest. anew: half of them gone, ${moved} packed anew.`,
    linuxLine(linux),
  ];
}
