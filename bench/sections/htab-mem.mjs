// Hash elements without preallocation under each policy: how fast, and how much memory at most.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';
import { table } from '../lib/table.mjs';

export const title = 'Hash elements and grace periods';

const OBJECT = 'examples/grace-periods/churn.bpf.o';
const PROGRAMS = ['overwrite', 'add_delete'];
/** Nanoseconds of the machine's clock from one invocation to the next. */
const STEP = 100_000n;
const LATER = { memory: { reuse: 'after-grace-period' } };
const POLICIES = [
  ['no model (default)', {}],
  ['eager', { gracePeriods: 'eager' }],
  ['lazy', { gracePeriods: 'lazy' }],
  ['adversarial', { gracePeriods: 'adversarial' }],
  ['eager, reuse later', { gracePeriods: 'eager', ...LATER }],
  ['lazy, reuse later', { gracePeriods: 'lazy', ...LATER }],
  ['adversarial, reuse later', { gracePeriods: 'adversarial', ...LATER }],
];

class Side {
  constructor({ machine, client, object }, name) {
    const { programs, maps } = client.loadObject(machine, object, { programs: [name] });
    this.machine = machine;
    this.program = programs.get(name);
    this.globals = maps.get('.bss');
    this.best = Infinity;
  }

  /** Operations and failures so far. */
  counts() {
    const view = this.machine.runtime.view();
    const at = this.globals.runtimeMap.valueBytes(0).byteOffset;
    const words = [view.getBigUint64(at, true), view.getBigUint64(at + 8, true)].map(Number);
    return { operations: Math.max(...words), failures: Math.min(...words) };
  }

  /** Runs for about `milliseconds`; keeps the best ns an operation. */
  time(milliseconds) {
    const data = new Uint8Array(64);
    const before = this.counts().operations;
    const start = performance.now();
    while (performance.now() < start + milliseconds) {
      this.machine.clock += STEP;
      this.program.run({ data });
    }
    const ns = (performance.now() - start) * 1e6;
    this.best = Math.min(this.best, ns / (this.counts().operations - before));
  }
}

export async function run(context) {
  const { timing, quick } = context;
  const entry = (path) => import(pathToFileURL(join(context.beeyard.folder, path)).href);
  const beeyard = {
    client: await entry('client/index.js'),
    machine: await entry('machine/index.js'),
    object: await entry('object/index.js'),
  };
  const object = beeyard.object.parseObject(readFileSync(join(root, OBJECT)));
  const results = [];
  for (const name of PROGRAMS) {
    context.progress(name);
    const sides = [];
    for (const [policy, settings] of POLICIES) {
      const { machine } = await beeyard.machine.bootMachine({ seed: 1, ...settings });
      sides.push([policy, new Side({ machine, client: beeyard.client, object }, name)]);
    }
    for (const [, side] of sides) side.time(quick ? 20 : 100);
    for (const [, side] of sides) side.best = Infinity;
    // In turns, so that what else the machine does is shared.
    for (let round = 0; round < timing.rounds * 4; round++) {
      for (const [, side] of sides) side.time(quick ? 10 : 40);
    }
    for (const [policy, side] of sides) {
      const peak = side.machine.memory?.report().peakBytes;
      const { failures } = side.counts();
      results.push({ program: name, policy, ns: side.best, peak, failures });
    }
  }
  return results;
}

export function render(results) {
  const first = (program) => results.find((one) => one.program === program).ns;
  const rows = results.map(({ program, policy, ns, peak, failures }) => [
    program,
    policy,
    (1e3 / ns).toFixed(2),
    (ns / first(program)).toFixed(2),
    peak === undefined ? '–' : (peak / 1024).toFixed(1),
    String(failures),
  ]);
  return [
    ...table([['program', 'policy', 'million ops/s', 'time', 'peak KiB', 'failed'], ...rows]),
    '',
    '  64 elements of 64 bytes overwritten, or added and deleted, in each invocation; 100 us of the',
    '  clock between two. time: against no model. Peak as Linux counts elements; best of all rounds.',
  ];
}
