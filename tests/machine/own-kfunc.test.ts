import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, kfunc, loadKernelProfile } from '../../src/index.ts';
import { installKfuncs, withKfuncs } from '../../src/machine/own-kfuncs.ts';
import { createRuntime } from '../../src/runtime/index.ts';
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

  it('knows what the slim types of browsers do not have', async () => {
    const kernel = await loadKernelProfile({ types: 'slim' });
    using host = await createMachine({ kernel, kfuncs });
    const { programs } = await host.load(object);
    expect(programs['limit']!.run({ data: packet(64, 3) }).verdict).toMatch(/pass|drop/);
  });

  it("does not replace the kernel's", async () => {
    const mine = kfunc('bpf_task_release', { body: () => {} });
    await expect(createMachine({ kfuncs: [mine] })).rejects.toThrow('the kernel has one');
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

describe('values of own kernel functions', () => {
  it('have the types of the definition', async () => {
    const kernel = await loadKernelProfile();
    const seen: unknown[] = [];
    const typed = [
      kfunc('numbers', {
        args: [{ int: 's8' }, { int: 'u16' }, { int: 'bool' }, { int: 's64' }, { int: 'u64' }],
        ret: { int: 's32' },
        body: (_, ...values) => {
          seen.push(...values);
          return -7;
        },
      }),
      kfunc('memory', {
        args: [
          { buf: true, size: 3, nullable: true },
          { string: true, nullable: true },
        ],
        ret: { int: 'u64' },
        body: (_, bytes, text) => {
          seen.push(bytes && [...bytes], text);
          return 2 ** 40;
        },
      }),
    ];
    const runtime = createRuntime({ cpus: 1 });
    installKfuncs(runtime, withKfuncs(kernel, typed)!, typed);
    const call = (name: string, ...args: bigint[]) =>
      (runtime.kfuncFunction(name) as (...values: bigint[]) => bigint)(...args);
    const all = 0xffff_ffff_ffff_ff80n;
    expect(call('numbers', all, all, 0x1_00n, all, all)).toBe(-7n);
    const at = runtime.allocate(16);
    runtime.u8().set([1, 2, 3, 104, 105, 0], at);
    expect(call('memory', BigInt(at), BigInt(at + 3))).toBe(1n << 40n);
    expect(call('memory', 0n, 0n)).toBe(1n << 40n);
    expect(seen).toEqual([-128, 0xff80, false, -128n, all, [1, 2, 3], 'hi', null, null]);
  });
});
