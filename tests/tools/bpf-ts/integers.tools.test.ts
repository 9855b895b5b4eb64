/** Random expressions of every integer type, compiled and run, against a model of BigInts. */
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/index.ts';
import { compileTypeScript } from '../../../src/tools/index.ts';
import { Random } from '../../differential/random.ts';
import { ALL, cut, type Expression, Generator, type Values, VARIABLES } from './integer-model.ts';

const build = new URL('../../../examples/build.mjs', import.meta.url).href;
const { clangVersion, compileBpf } = (await import(build)) as {
  clangVersion(): string | undefined;
  compileBpf(source: string, options: { c: string; flags: string[]; cpu?: string }): Uint8Array;
};

const PROGRAMS = 6;
const EXPRESSIONS = 8;
const INPUTS = 25;

/** A file whose programs put the values of `expressions` into `results`. */
function fileOf(expressions: readonly Expression[]): string {
  const types = ALL.map(({ name }) => name);
  const members = VARIABLES.map(({ name, type }) => `${name}: ${type.name}`).join(', ');
  const functions = expressions.map(
    ({ text }, i) => `/** @noinline */\nfunction f${i}(v: Values): u64 { return ${text}; }`,
  );
  const programs = Array.from({ length: PROGRAMS }, (_, p) => {
    const calls = Array.from({ length: EXPRESSIONS }, (_, i) => {
      const slot = p * EXPRESSIONS + i;
      return `  results.update(${slot}, f${slot}(v));`;
    });
    return `export const p${p} = xdp(() => {
  const v = inputs.get(0);
  if (!v) return 'aborted';
${calls.join('\n')}
  return 'pass';
});`;
  });
  return `import { array, type Of, struct, xdp, ${types.join(', ')} } from 'beeyard/bpf';
const Values = struct({ ${members} });
type Values = Of<typeof Values>;
export const inputs = array({ key: u32, value: Values, max_entries: 1 });
export const results = array({ key: u32, value: u64, max_entries: ${expressions.length} });
${functions.join('\n')}
${programs.join('\n')}
`;
}

/** Values at the edges of each type, and any. */
function inputOf(random: Random): Values {
  const any = () => (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return Object.fromEntries(
    VARIABLES.map(({ name, type }) => {
      const edge = 1n << BigInt(type.bits - 1);
      const value = random.pick([0n, 1n, 2n, -1n, edge, edge - 1n, any(), any(), any() & 31n]);
      return [name, cut(value, type)];
    }),
  );
}

const asInput = (values: Values) =>
  Object.fromEntries(
    VARIABLES.map(({ name, type }) => [
      name,
      type.bits < 64 ? Number(values[name]) : values[name]!,
    ]),
  );

describe.runIf(clangVersion())('integers', () => {
  it.each([1, 2, 3, 4])('come out as the model says (seed %i)', async (seed) => {
    const random = new Random(seed);
    const generator = new Generator(random);
    const expressions = Array.from({ length: PROGRAMS * EXPRESSIONS }, () => generator.whole(3));
    const { c } = compileTypeScript(fileOf(expressions), 'integers.bpf.ts');
    const cpu = seed % 2 ? 'v3' : 'v2';
    const object = compileBpf('integers.bpf.ts', { c, cpu, flags: ['-w'] });
    for (const engine of ['wasm', 'interpreter'] as const) {
      const { programs, maps } = await (await createMachine({ engine })).load(object);
      for (let run = 0; run < INPUTS; run++) {
        const values = inputOf(random);
        maps['inputs']!.set(0, asInput(values));
        for (const program of Object.values(programs)) program.run({ data: new Uint8Array(60) });
        expressions.forEach((expression, slot) => {
          const got = maps['results']!.get(slot);
          const said = `${expression.text} of ${JSON.stringify(values, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`;
          expect(got, said).toBe(expression.value(values));
        });
      }
    }
  });
});
