import { expect, test } from 'vitest';
import { createMachine, type Host } from '../../src/index.ts';
import * as isa from '../../src/isa/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import type { ObjectFile } from '../../src/object/index.ts';

interface Filters {
  filterObject(from: object, which: number[], tenants: number, salt?: number): ObjectFile;
}
interface Serve {
  serve(parts: object): Promise<string[]>;
}
const example = (file: string): Promise<unknown> =>
  import(new URL(`../../examples/code-memory/${file}`, import.meta.url).href);
const { filterObject } = (await example('filters.mjs')) as Filters;
const { serve } = (await example('serve.mjs')) as Serve;

test.each([1, 16])(
  'filters are exchanged while packets come, none is lost (packs of %i)',
  async (codePack) => {
    using host = await createMachine({ codePack });
    const lines = await serve({ host, isa, filterObject, tenants: 60 });
    const columns = lines
      .slice(1, 6)
      .map((line) => line.slice(26).trim().replaceAll(',', '').split(/ +/).map(Number));
    expect(columns.map(([packs]) => packs)).toEqual(
      codePack === 1 ? [60, 60, 60, 60, 60] : [4, 4, 6, 4, 4],
    );
    for (const [, programs] of columns) expect(programs).toBe(60);
    expect(columns[2]![3]! > 0).toBe(codePack > 1);
    expect(lines.at(-1)).toMatch(/^[1-9]\d* packets passed; counters of 0 tenants/);
  },
);

test('generated filters differ, are verified, and do the same in both engines', async () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  const object = filterObject(isa, numbers, 40);
  expect(new Set(object.programs.map(({ insns }) => insns.join())).size).toBe(40);
  const verdicts = async (host: Host) => {
    const { programs, refused } = await host.load(object);
    expect([...refused]).toEqual([]);
    const packet = new Uint8Array(64);
    packet.set([8, 0], 12);
    return Object.values(programs).flatMap((program) =>
      numbers.map((i) => {
        packet[23] = i % 2 ? 17 : 6;
        packet.set([10, 3 * i, 5 * i, 7 * i], 26);
        packet.set([6 * i, i], 36);
        return program.run({ data: packet }).returnValue;
      }),
    );
  };
  using compiled = await createMachine();
  using stepped = await createMachine({ engine: interpreterEngine });
  const results = await verdicts(compiled);
  expect(new Set(results)).toEqual(new Set([1, 2]));
  expect(await verdicts(stepped)).toEqual(results);
});
