// Static keys: a filter with a key that is off against the same filter without one, and others.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { objectPath, sample } from '../lib/beeyard.mjs';
import { median, summarise } from '../lib/stats.mjs';
import { nanoseconds, table } from '../lib/table.mjs';

export const title = 'Static keys: ns a packet of one filter with three places that may trace';

const CONTEXT_SIZE = 64;
/** Ns: short, so that what disturbs one side disturbs its neighbours too or is one of many. */
const SLICE = 3e5;
const HEADROOM = 256;
/** 'again': the one without a branch once more, from the same object loaded a second time. */
const SIDES = ['without', 'again', 'key', 'rodata', 'lookup'];

/** Contexts and packets in a machine's memory; all programs see the same. */
function place(runtime, packets) {
  const contexts = runtime.allocate(packets.length * CONTEXT_SIZE, 64);
  const results = runtime.allocate(packets.length * 4, 64);
  packets.forEach((bytes, i) => {
    const start = runtime.allocate(HEADROOM + bytes.length, 64);
    const data = start + HEADROOM;
    runtime.u8().set(bytes, data);
    const words = runtime.u32().subarray((contexts + i * CONTEXT_SIZE) / 4);
    words.set([data, data + bytes.length, data]);
    words.set([start, data + bytes.length], 6);
  });
  return { contexts, results };
}

/** Times of one engine: all sides in turn, round by round, then the key on, then its switching. */
async function measure({ packets, timing, progress }, createMachine, engine) {
  const host = await createMachine({ engine });
  const loaded = await host.load(readFileSync(objectPath('static_keys')));
  const { contexts, results } = place(host.kernel.runtime, packets);
  const key = loaded.key('tracing');
  const second = await host.load(readFileSync(objectPath('static_keys')));
  const once = (name) => {
    const program = name === 'again' ? second.programs.without : loaded.programs[name];
    const { code } = program.kernelProgram;
    return () => code.batch(contexts, CONTEXT_SIZE, packets.length, results, 0);
  };
  const sum = (name) => {
    once(name)();
    return host.kernel.runtime
      .u32()
      .subarray(results / 4, results / 4 + packets.length)
      .join();
  };
  const verdicts = SIDES.map(sum);
  if (verdicts.some((one) => one !== verdicts[0])) throw new Error('the filters differ');
  const runs = Object.fromEntries(SIDES.map((name) => [name, once(name)]));
  for (const run of Object.values(runs)) sample(run, 40, timing.sampleNs);
  const figures = Object.fromEntries(SIDES.map((name) => [name, []]));
  const rounds = timing.rounds * timing.samples * 5;
  for (let round = 0; round < rounds; round++) {
    progress(`${engine}: ${round} of ${rounds}`);
    // Each round starts with another side, so that none always follows the same one.
    const order = SIDES.map((_, i) => SIDES[(i + round) % SIDES.length]);
    for (const name of order) {
      const [took] = sample(runs[name], 1, SLICE);
      figures[name].push(took / packets.length);
    }
  }
  key.enable();
  sample(runs.key, 40, timing.sampleNs);
  const on = sample(runs.key, timing.samples, timing.sampleNs).map((ns) => ns / packets.length);
  const switching = switchTimes(key);
  return {
    engine,
    ...Object.fromEntries(SIDES.map((name) => [name, summarise([figures[name]])])),
    on: summarise([on]),
    overhead: median(figures.key.map((took, i) => took / figures.without[i])),
    noise: median(figures.again.map((took, i) => took / figures.without[i])),
    switching,
  };
}

/** Microseconds of switching to a state that was there before. */
function switchTimes(key) {
  const times = Array.from({ length: 200 }, (_, i) => {
    const started = performance.now();
    if (i % 2) key.enable();
    else key.disable();
    return (performance.now() - started) * 1000;
  });
  return median(times);
}

export async function run(context) {
  const path = join(context.beeyard.folder, 'index.js');
  const { createMachine } = await import(pathToFileURL(path).href);
  const results = [];
  for (const engine of ['wasm', 'interpreter']) {
    results.push(await measure(context, createMachine, engine));
  }
  return results;
}

export function render(results) {
  const percent = (value) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(1)} %`;
  const rows = results.map((one) => [
    one.engine,
    nanoseconds(one.without.best),
    nanoseconds(one.key.best),
    percent(one.overhead - 1),
    percent(one.noise - 1),
    nanoseconds(one.rodata.best),
    nanoseconds(one.lookup.best),
    nanoseconds(one.on.best),
    one.switching.toFixed(1),
  ]);
  const head = [
    ['engine', 'no branch', 'key off', 'to none', 'none to itself', '.rodata flag'],
    ['array lookup'],
    ['key on', 'switch, µs'],
  ].flat();
  return [
    ...table([head, ...rows]),
    '',
    '  Best of all rounds; ratios are medians of neighbours in time. A branch that is off is no',
    '  instruction in either engine: what differs is how clang orders the rest of the filter, and',
    '  where the program lies, as it does between two loads of the same filter (none to itself).',
  ];
}
