// Code memory: the programs of Debian's BPF tools, all on one machine, in packs of different sizes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGES, findObjects } from '../../scripts/debian-objects.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';

const CHILD = fileURLToPath(new URL('../lib/codemem-objects-child.mjs', import.meta.url));
const PACKS = [1, 16, 256];

export const title = "Code memory: the programs of Debian's BPF tools, all loaded at once";

function child(context, pack, paths) {
  const args = ['--expose-gc', CHILD, context.beeyard.folder, String(pack), ...paths];
  const limit = { encoding: 'utf8', maxBuffer: 1 << 26 };
  const { stdout, stderr, status } = spawnSync(process.execPath, args, limit);
  if (status !== 0) throw new Error(stderr.trim().split('\n').slice(-6).join(' '));
  return JSON.parse(stdout);
}

export async function run(context) {
  const objects = findObjects();
  if (objects.length === 0) return { skipped: `apt-get install ${PACKAGES.join(' ')}` };
  const folder = mkdtempSync(join(tmpdir(), 'codemem-'));
  try {
    mkdirSync(folder, { recursive: true });
    const paths = objects.map(({ bytes }, i) => {
      const path = join(folder, `${i}.bpf.o`);
      writeFileSync(path, bytes);
      return path;
    });
    context.progress(`what of ${paths.length} objects can be loaded`);
    const { good, reasons } = child(context, 'sort', paths);
    const rounds = context.quick ? 1 : 3;
    const samples = new Map(PACKS.map((pack) => [pack, []]));
    for (let round = 0; round < rounds; round++) {
      for (const pack of PACKS) {
        context.progress(`packs of ${pack}, round ${round + 1} of ${rounds}`);
        samples.get(pack).push(child(context, pack, good));
      }
    }
    return {
      objects: paths.length,
      loaded: good.length,
      reasons,
      packs: PACKS.map((pack) => ({ pack, ...summary(samples.get(pack)) })),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Times: the best, as others only add to them. Memory: the median. */
function summary(all) {
  const [{ programs, modules, bytes }] = all;
  const load = Math.min(...all.map((one) => one.load));
  return { programs, modules, bytes, load, rss: median(all.map((one) => one.rss)) };
}

export function render({ skipped, objects, loaded, reasons, packs }) {
  if (skipped) return [`  not measured: ${skipped}`];
  const head = ['pack', 'programs', 'modules', 'wasm KiB', 'load s', 'RSS MiB'];
  const rows = packs.map(({ pack, programs, modules, bytes, load, rss }) => [
    String(pack),
    String(programs),
    String(modules),
    (bytes / 1024).toFixed(0),
    (load / 1000).toFixed(2),
    (rss / 2 ** 20).toFixed(0),
  ]);
  const refused = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  return [
    ...table([head, ...rows]),
    '',
    `  ${loaded} of ${objects} objects (${PACKAGES.join(', ')}); load: processor time with the`,
    '  verifier, which is most of it and the same for all sizes. RSS: what loading added.',
    ...(refused.length > 0 ? ['  Refused, programs:'] : []),
    ...refused.map(([why, count]) => `  ${String(count).padStart(5)}  ${why}`),
  ];
}
