import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { packet } from './helpers.ts';

const object = new Uint8Array(readFileSync(join(import.meta.dirname, 'programs', 'dynptr.bpf.o')));

const [E2BIG, EINVAL, ERANGE] = [-7, -22, -34];

describe.each(['wasm', 'interpreter'] as const)('dynptrs over packets on %s', (engine) => {
  async function run(program: string) {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(object, { programs: [program] });
    const { verdict, data } = programs[program]!.run({ data: packet(64) });
    const results = Array.from({ length: 16 }, (_, i) =>
      Number(BigInt.asIntN(32, maps['results']!.get(i) as bigint)),
    );
    return { verdict, data: data!, results };
  }

  // Byte i of the packet is i, so a word says where it was read.
  const at10 = 10 | (11 << 8) | (12 << 16) | (13 << 24);

  it.each(['over_xdp', 'over_skb'])('%s reads, narrows, slices and writes', async (program) => {
    const { verdict, data, results } = await run(program);
    expect(verdict).toBe('pass');
    const [size, read, word, clone, adjusted, smaller, slice, beyond, ...rest] = results;
    expect([size, read, word]).toEqual([64, 0, at10]);
    expect([clone, adjusted, smaller, slice]).toEqual([0, 0, 12, at10]);
    expect(beyond).toBe(1);
    expect(rest.slice(0, 5)).toEqual([ERANGE, EINVAL, 0, 0, E2BIG]);
    const expected = packet(64);
    // Byte 11 of a view that begins at 8; byte 1 of the packet itself.
    expected[19] = 0xaa;
    expected[1] = 0xbb;
    expect(data).toEqual(expected);
  });

  it('a view of nothing is one', async () => {
    const { results } = await run('nothing');
    expect(results.slice(0, 7)).toEqual([EINVAL, 1, EINVAL, EINVAL, EINVAL, 1, 0]);
  });
});
