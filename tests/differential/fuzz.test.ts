import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { difference, listing, type Variant, World } from './compare.ts';
import { generateProgram } from './generate.ts';
import { toJson } from './program.ts';
import { Random } from './random.ts';
import { shrink } from './shrink.ts';
import { engineVariants } from './variants.ts';

/**
 * Random programs must do the same everywhere: r0, memory, and faults to the instruction. More with
 * BEEYARD_FUZZ=n, others with BEEYARD_SEED=n. What differs is shrunk, printed, and kept in
 * tests/differential/failures, which replay.test.ts runs from then on.
 */
const COUNT = Number(process.env['BEEYARD_FUZZ'] ?? 400);
const SEED = Number(process.env['BEEYARD_SEED'] ?? 1);
const PROGRAMS_PER_WORLD = 200;
const failures = new URL('./failures/', import.meta.url);

function report(seed: number, variants: readonly Variant[]): string {
  const program = generateProgram(new Random(seed));
  const small = shrink(program, (candidate) => {
    return difference(new World(), candidate, variants) !== undefined;
  });
  mkdirSync(failures, { recursive: true });
  writeFileSync(new URL(`${seed}.json`, failures), toJson(small));
  return `seed ${seed}:\n${listing(small)}\n${difference(new World(), small, variants)}`;
}

it(
  `${COUNT} random programs do the same in every engine`,
  () => {
    const variants = engineVariants();
    const differing: number[] = [];
    let world = new World();
    for (let i = 0; i < COUNT && differing.length < 5; i++) {
      if (i % PROGRAMS_PER_WORLD === 0) world = new World();
      const program = generateProgram(new Random(SEED + i));
      if (difference(world, program, variants) !== undefined) differing.push(SEED + i);
    }
    expect(differing.map((seed) => report(seed, variants))).toEqual([]);
  },
  60_000 + COUNT * 60,
);
