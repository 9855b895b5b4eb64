/** Random functions with branches, loops, switches and arrays, compiled and run, against a model. */
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/index.ts';
import { compileTypeScript } from '../../../src/tools/index.ts';
import { Random } from '../../differential/random.ts';
import { StatementGenerator } from './statement-model.ts';

const build = new URL('../../../examples/build.mjs', import.meta.url).href;
const { clangVersion, compileBpf } = (await import(build)) as {
  clangVersion(): string | undefined;
  compileBpf(source: string, options: { c: string; flags: string[] }): Uint8Array;
};

const FUNCTIONS = 12;
const INPUTS = 40;

const fileOf = (functions: readonly string[]) => `
import { array, range, u32, u8, xdp } from 'beeyard/bpf';
export const inputs = array({ key: u32, value: u32, max_entries: 2 });
export const results = array({ key: u32, value: u32, max_entries: ${FUNCTIONS} });
${functions.join('\n')}
${functions
  .map(
    (_, i) => `export const p${i} = xdp(() => {
  const a = inputs.get(0);
  const b = inputs.get(1);
  if (!a || !b) return 'aborted';
  results.update(${i}, f${i}(a.value, b.value));
  return 'pass';
});`,
  )
  .join('\n')}
`;

describe.runIf(clangVersion())('statements', () => {
  it.each([1, 2, 3])('do what the model does (seed %i)', async (seed) => {
    const random = new Random(seed);
    const generator = new StatementGenerator(random);
    const programs = Array.from({ length: FUNCTIONS }, (_, i) => generator.program(`f${i}`));
    const source = fileOf(programs.map(({ text }) => text));
    const { c } = compileTypeScript(source, 'statements.bpf.ts');
    const object = compileBpf('statements.bpf.ts', { c, flags: ['-w'] });
    const loaded = await (await createMachine({ engine: 'wasm' })).load(object);
    for (let run = 0; run < INPUTS; run++) {
      const [a, b] = [0, 0].map(() => random.pick([0, 1, 2, 5, 7, random.u32()]));
      loaded.maps['inputs']!.set(0, a!);
      loaded.maps['inputs']!.set(1, b!);
      programs.forEach(({ text, run: model }, i) => {
        loaded.programs[`p${i}`]!.run({ data: new Uint8Array(60) });
        expect(loaded.maps['results']!.get(i), `${text}\nof ${a}, ${b}`).toBe(model(a!, b!));
      });
    }
  });
});
