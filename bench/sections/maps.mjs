// Every kind of map against the kernel's algorithm in C, both with the same programs.
import { existsSync, readFileSync } from 'node:fs';
import { BeeyardMaps } from '../lib/map-object.mjs';
import { warmUp } from '../lib/measure.mjs';
import { NativeMaps } from '../lib/native.mjs';
import { median } from '../lib/stats.mjs';
import { nanoseconds, ratio, table } from '../lib/table.mjs';
import { mapBenchmarks, mapFiles, readingAll } from '../maps.mjs';

export const title = 'Maps: ours against the algorithms of Linux in C, the same programs on both';

const HUGE_PAGES = '/sys/kernel/mm/transparent_hugepage/enabled';
/** Sides take turns this often in a round, with so many samples each. */
const TURNS = 5;
/** Maps made anew in each round of other sections. */
const DRAWS = 3;
const SAMPLES = 5;

/** Sides of a file of benchmarks. The last one is there when the size of pages may count. */
function open(file, benchmarks, context) {
  const sides = { wasm: new BeeyardMaps(context.beeyard, file) };
  if (context.native) {
    sides.native = new NativeMaps(file);
    if (benchmarks.some(({ large }) => large)) sides.huge = new NativeMaps(file, { huge: true });
  }
  return sides;
}

/** What two runs leave behind. `isReady`: an earlier benchmark has filled the map. */
async function outcome(side, benchmark, isReady) {
  await side.use(readingAll(benchmark));
  const setup = isReady ? 0 : await side.setup();
  return [setup, await side.run(1), await side.run(1), await side.check()].join(' ');
}

/** Runs all benchmarks of a file on all sides, before any is timed: results must be equal. */
async function compare(sides, benchmarks) {
  const failed = new Map();
  const ready = new Set();
  for (const benchmark of benchmarks) {
    let expected;
    for (const [name, side] of Object.entries(sides)) {
      const result = await outcome(side, benchmark, ready.has(benchmark.setup));
      expected ??= result;
      if (result !== expected) failed.set(benchmark, `${name} gives ${result}, not ${expected}`);
    }
    if (benchmark.setup) ready.add(benchmark.setup);
  }
  return failed;
}

/** Adds the best time a run of each turn to `turns`, by side. */
async function time(sides, benchmark, timing, turns) {
  const taking = Object.entries(sides).filter(([name]) => name !== 'huge' || benchmark.large);
  for (const [, side] of taking) {
    await side.use(benchmark);
    await warmUp(side, timing);
  }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, side] of taking) {
      const best = Math.min(...(await side.time(SAMPLES, timing.sampleNs)));
      (turns[name] ??= []).push(best);
    }
  }
}

/** One round over a file's benchmarks, on maps of its own. */
async function round(file, benchmarks, context, timing, results) {
  context.progress(`${file}: results`);
  const sides = open(file, benchmarks, context);
  const failed = await compare(sides, benchmarks);
  for (const benchmark of benchmarks) {
    context.progress(benchmark.name);
    const result = results.get(benchmark);
    result.failed ??= failed.get(benchmark);
    if (!result.failed) await time(sides, benchmark, timing, result.turns);
  }
  for (const side of Object.values(sides)) side.close();
}

/** ns an operation, and the ratios of turns that followed each other. */
function summary({ name, operations, bar, large }, turns) {
  const best = (side) => turns[side] && Math.min(...turns[side]) / operations;
  const ratios = turns.native?.map((ns, i) => turns.wasm[i] / ns).toSorted((a, b) => a - b);
  const at = (share) => ratios?.[Math.round(share * (ratios.length - 1))];
  const against = (side) => turns[side] && best('wasm') / best(side);
  return {
    name,
    bar,
    large,
    ns: best('wasm'),
    native: best('native'),
    ratio: ratios && median(ratios),
    best: against('native'),
    huge: against('huge'),
    spread: ratios && [at(0.1), at(0.9)],
  };
}

/**
 * Every round makes its maps anew: which pages of memory they get decides how they share the
 * caches, and one draw of pages says little about the next.
 */
export async function run(context) {
  const timing = { ...context.timing, warmup: context.quick ? 25 : 60 };
  const results = [];
  for (const file of mapFiles) {
    const benchmarks = mapBenchmarks.filter((one) => one.file === file && context.wants(one.run));
    const measured = new Map(benchmarks.map((one) => [one, { turns: {} }]));
    const rounds = timing.rounds * (context.quick ? 1 : DRAWS);
    for (let i = 0; benchmarks.length > 0 && i < rounds; i++) {
      await round(file, benchmarks, context, timing, measured);
    }
    for (const [benchmark, { failed, turns }] of measured) {
      results.push(failed ? { name: benchmark.name, failed } : summary(benchmark, turns));
    }
  }
  return results;
}

function row(result) {
  if (result.failed) return [result.name, 'FAILED', result.failed];
  const { name, ns, native, spread, bar } = result;
  const verdict = bar === undefined || result.ratio === undefined ? '' : met(result);
  return [
    name,
    nanoseconds(native),
    nanoseconds(ns),
    ratio(result.ratio),
    spread ? spread.map(ratio).join('–') : '–',
    ratio(result.best),
    result.huge === undefined ? '' : ratio(result.huge),
    bar ? `≤ ${bar}` : '',
    verdict,
  ];
}

const met = (result) => (result.ratio <= result.bar ? 'met' : 'MISSED');

function pages() {
  if (!existsSync(HUGE_PAGES)) return '';
  return /\[(\w+)\]/.exec(readFileSync(HUGE_PAGES, 'utf8'))?.[1] ?? '';
}

export function render(results) {
  const head = ['map', 'C ns', 'ours ns', 'ratio', 'spread', 'best', 'C huge', 'bar', ''];
  return [
    ...table([head, ...results.map(row)]),
    '',
    '  ns an operation, best sample. ratio: median over turns that follow each other; spread: from the',
    '  tenth to the ninetieth percentile of them; best: best sample / best sample. C huge: best against C',
    `  whose maps lie in huge pages (which WebAssembly's memory cannot ask for; here: ${pages()}).`,
    '  Results of both sides are equal, down to the order of keys and which elements an LRU gave up.',
  ];
}
