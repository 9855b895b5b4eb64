import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { difference, listing, type Variant, World } from './compare.ts';
import type { Engine } from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { generateProgram } from './generate.ts';
import { mutate } from './mutate.ts';
import { type TestProgram, toJson } from './program.ts';
import { Random } from './random.ts';
import { shrink } from './shrink.ts';
import { engineVariants } from './variants.ts';

/**
 * Random programs must do the same everywhere: r0, memory, and faults to the instruction. More with
 * BEEYARD_FUZZ=n, others with BEEYARD_SEED=n. What differs is shrunk, printed, and kept in
 * tests/differential/failures, which replay.test.ts runs from then on.
 */
const COUNT = Number(process.env['BEEYARD_FUZZ'] ?? 200);
const SEED = Number(process.env['BEEYARD_SEED'] ?? 1);
const PROGRAMS_PER_WORLD = 100;
const failures = new URL('./failures/', import.meta.url);

/** Every eighth program is also profiled, so that the others run the code that users run. */
const variantsFor = (seed: number): Variant[] => engineVariants(seed % 8 === 0);

function differs(world: World, program: TestProgram, variants: readonly Variant[]): boolean {
  return difference(world, program, variants, true) !== undefined;
}

/** Every fourth program is one that a verifier would most likely refuse. */
function programFor(seed: number): TestProgram {
  const random = new Random(seed);
  const program = generateProgram(random);
  return seed % 4 === 3 ? mutate(program, random) : program;
}

function report(seed: number): string {
  const variants = variantsFor(seed);
  const program = programFor(seed);
  const small = shrink(program, (candidate) => differs(new World(), candidate, variants));
  mkdirSync(failures, { recursive: true });
  writeFileSync(new URL(`${seed}.json`, failures), toJson(small));
  return `seed ${seed}:\n${listing(small)}\n${difference(new World(), small, variants, true)}`;
}

it(
  `${COUNT} random programs do the same in every engine`,
  () => {
    const differing: number[] = [];
    let world = new World();
    for (let seed = SEED; seed < SEED + COUNT && differing.length < 5; seed++) {
      // Every third world has shared memory, where atomics are real.
      if (seed % PROGRAMS_PER_WORLD === 0) world = new World(seed % 300 === 0);
      if (differs(world, programFor(seed), variantsFor(seed))) differing.push(seed);
    }
    expect(differing.map(report)).toEqual([]);
  },
  60_000 + COUNT * 60,
);

/** An engine that takes one kind of instruction for another. */
function confused(from: number, to: number): Engine {
  return {
    name: 'interpreter',
    load(image, runtime, options) {
      const insns = image.insns.slice();
      for (let at = 0; at < insns.length; at += 8) if (insns[at] === from) insns[at] = to;
      return interpreterEngine.load({ ...image, insns }, runtime, options);
    },
  };
}

it.each([
  ['jsgt for jgt', 0x65, 0x25],
  ['arsh32 for rsh32', 0xc4, 0x74],
  ['ldxh for ldxsh', 0x69, 0x89],
  ['add64 for add32', 0x0f, 0x0c],
])('an engine that takes %s is found out', (_, from, to) => {
  const [referee] = engineVariants();
  const options = { checks: true };
  const wrong = { name: 'wrong', engine: confused(from, to), options };
  const world = new World();
  const enough = 2000;
  let seed = 0;
  while (seed < enough && !differs(world, generateProgram(new Random(seed)), [referee!, wrong])) {
    seed++;
  }
  expect(seed).toBeLessThan(enough);
});
