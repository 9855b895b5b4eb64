import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, loadKernelProfile } from '../../src/index.ts';
import { packet } from './helpers.ts';

const object = new Uint8Array(readFileSync(join(import.meta.dirname, 'programs', 'kfuncs.bpf.o')));

describe.each(['wasm', 'interpreter'] as const)('kernel functions on %s', (engine) => {
  /** Runs a program; what it left in `results`. */
  async function results(program: string, bytes = packet(64)): Promise<bigint[]> {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(object);
    expect(programs[program]!.run({ data: bytes }).verdict).toBe('pass');
    return Array.from({ length: 8 }, (_, i) => maps['results']!.get(i) as bigint);
  }

  it('counts with bpf_for, and leaves the loop early', async () => {
    const bytes = packet(100, 7, 200, 255);
    const total = bytes.reduce((sum, byte) => sum + byte, 0);
    expect((await results('sum', bytes)).slice(0, 2)).toEqual([BigInt(total), 100n]);
    expect((await results('sum', packet(1500)))[1]).toBe(1499n);
  });

  it('has iterators inside of each other and of sections', async () => {
    expect((await results('nested')).slice(0, 2)).toEqual([45n, 21n]);
  });

  it('gives the errors of bpf_iter_num_new, and then no number', async () => {
    const [order, many, least, rounds] = await results('errors');
    expect(BigInt.asIntN(32, order!)).toBe(-22n);
    expect(BigInt.asIntN(32, many!)).toBe(-7n);
    expect([least, rounds]).toEqual([0n, 2n]);
  });

  it('finds the bits of memory, and refuses what is none', async () => {
    const fold = (bits: number[]) => BigInt(bits.reduce((found, bit) => found * 3 + bit, 0));
    const [one, three, none, nowhere, large] = await results('bits');
    expect(one).toBe(fold([0, 2, 63]));
    expect(three).toBe(fold([0, 2, 63, 128, 132]));
    expect(BigInt.asIntN(64, none!)).toBe(-22n);
    expect(BigInt.asIntN(64, nowhere!)).toBe(-14n);
    expect(BigInt.asIntN(64, large!)).toBe(-7n);
  });

  it('has them with the slim types of browsers', async () => {
    const kernel = await loadKernelProfile({ types: 'slim' });
    using host = await createMachine({ engine, kernel });
    const { programs, refused } = await host.load(object);
    expect(refused.get('nested')?.message).toBeUndefined();
    expect(programs['nested']!.run({ data: packet(64) }).verdict).toBe('pass');
  });

  it('hides what it does not have', async () => {
    expect((await results('absent'))[0]).toBe(42n);
  });
});
