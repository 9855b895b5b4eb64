import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, kfunc } from '../../src/index.ts';
import { kfuncHeader } from '../../src/tools/kfunc/index.ts';
import { packet } from './helpers.ts';

const folder = new URL('../../examples/own-kfunc/', import.meta.url);
const object = new Uint8Array(readFileSync(new URL('limit.bpf.o', folder)));
const definitions = (await import(new URL('kfuncs.mjs', folder).href)) as Record<
  string,
  ReturnType<typeof kfunc>
>;
const structs = { allowance: { tokens: 'u64', last: 'u64' } } as const;
const kfuncs = Object.keys(definitions)
  .sort()
  .map((name) => definitions[name]!);

describe.each(['wasm', 'interpreter'] as const)(
  'the example of own kernel functions on %s',
  (engine) => {
    it('takes tokens until none is left, and sums bytes up', async () => {
      using host = await createMachine({ engine, kfuncs });
      const { programs, globals } = await host.load(object);
      const bytes = packet(64);
      bytes.set([engine === 'wasm' ? 1 : 2, 9, 9, 9], 26);
      const verdicts = Array.from(
        { length: 4 },
        () => programs['limit']!.run({ data: bytes }).verdict,
      );
      expect(verdicts).toEqual(['pass', 'pass', 'pass', 'drop']);
      const sum = bytes.slice(14, 34).reduce((total, byte) => total + byte, 0);
      expect(globals.get('passed_bytes')).toBe(BigInt(3 * sum) + ((2n + 1n + 0n) << 32n));
    });
  },
);

describe('a machine with own kernel functions', () => {
  it('comes with the header that its functions give', () => {
    expect(readFileSync(new URL('kfuncs.h', folder), 'utf8')).toBe(kfuncHeader(kfuncs));
  });

  it('refuses programs without them, and without bodies', async () => {
    using plain = await createMachine();
    expect((await plain.load(object)).refused.get('limit')?.message).toContain('bucket_get');
    const bodiless = kfuncs.map(({ name, args, ret }) =>
      kfunc(name, { args, ...(ret && { ret }), structs }),
    );
    using hollow = await createMachine({ kfuncs: bodiless });
    expect((await hollow.load(object)).refused.get('limit')?.message).toContain('bucket_get');
  });

  it('verifies calls of them', async () => {
    const strict = kfuncs.map((own) =>
      own.name === 'bucket_put' ? { ...own, args: [{ ptr: 'task_struct', release: true }] } : own,
    );
    using host = await createMachine({ kfuncs: strict });
    const { refused } = await host.load(object);
    expect(refused.get('limit')?.message).toContain('expected pointer to STRUCT task_struct');
  });

  it('needs the verifier', async () => {
    await expect(createMachine({ verify: false, kfuncs })).rejects.toThrow('verifies programs');
  });

  it('lets what a body throws out', async () => {
    const broken = kfuncs.map((own) =>
      own.name === 'bucket_get'
        ? {
            ...own,
            body: () => {
              throw new RangeError('no buckets today');
            },
          }
        : own,
    );
    using host = await createMachine({ kfuncs: broken });
    const { programs } = await host.load(object);
    expect(() => programs['limit']!.run({ data: packet(64) })).toThrow('no buckets today');
  });
});
