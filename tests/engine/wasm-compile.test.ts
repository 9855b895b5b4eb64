import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import wabtInit from 'wabt';
import { describe, expect, it } from 'vitest';
import type { CompileOptions, ProgramImage } from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import {
  cacheKey,
  collectFacts,
  compileToWasm,
  instantiate,
  instantiateAsync,
  wasmEngine,
} from '../../src/engine/wasm/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import { faultOf, imageOf, Lab, marked } from './harness.ts';

const ARRAY = 2;
const PERCPU_ARRAY = 6;
const HASH = 1;
const LRU_PERCPU_HASH = 10;

const wabt = await wabtInit();

/** WebAssembly text of the function called `name`. */
function textOf(image: ProgramImage, lab: Lab, options: CompileOptions, name = 'test'): string {
  const { bytes } = compileToWasm(image, options, collectFacts(image, lab.runtime));
  const module = wabt.readWasm(bytes, { readDebugNames: true, tail_call: true, threads: true });
  module.applyNames();
  const text = module.toText({ foldExprs: false, inlineExport: false });
  module.destroy();
  const start = text.indexOf(`(func $${name} `);
  return text.slice(start, text.indexOf('\n  (', start + 1)).trimEnd();
}

/** Both engines, checked and not: the result they all give. */
function resultOf(lab: Lab, image: ProgramImage, reset = () => {}): number {
  const results = [interpreterEngine, wasmEngine].flatMap((engine) =>
    [true, false].map((checks) => {
      reset();
      return engine.load(image, lab.runtime, { checks }).run(lab.context);
    }),
  );
  expect(new Set(results).size, `results ${results.join()}`).toBe(1);
  return results[0]!;
}

const LOOKUP = (handle: string) => `
  *(u32 *)(r10 - 4) = 2
  r1 = ${handle} ll
  r2 = r10
  r2 += -4
  call 1
  if r0 == 0 goto miss
  r1 = *(u64 *)(r0 + 0)
  r1 += 5
  *(u64 *)(r0 + 0) = r1
  r0 = r1
  exit
miss:
  r0 = -1
  exit`;

describe('what compiled code contains', () => {
  it('has array look-ups in place, the key in a local, and no checks of what it found', () => {
    const lab = new Lab();
    const map = lab.map({ type: ARRAY });
    const image = marked(LOOKUP(lab.handle(map)));
    for (const checks of [true, false]) {
      const text = textOf(image, lab, { checks });
      expect(text).not.toMatch(/call (?!\$fault)/);
      expect(text).not.toMatch(/i32\.store/);
    }
    expect(resultOf(lab, image, () => map.valueBytes(2).fill(0))).toBe(5);
  });

  it('looks up per-CPU arrays in place', () => {
    const lab = new Lab();
    const image = marked(LOOKUP(lab.handle(lab.map({ type: PERCPU_ARRAY }))));
    expect(textOf(image, lab, { checks: false })).not.toMatch(/call/);
  });

  it('looks up hashes in place', () => {
    const lab = new Lab();
    const image = marked(LOOKUP(lab.handle(lab.map({ type: HASH }))));
    expect(textOf(image, lab, { checks: false })).not.toMatch(/call/);
    expect(resultOf(lab, image)).toBe(-1);
  });

  it('calls the map type straight for others', () => {
    const lab = new Lab();
    const image = marked(LOOKUP(lab.handle(lab.map({ type: LRU_PERCPU_HASH }))));
    expect(textOf(image, lab, { checks: false })).toMatch(/call \d+/);
    expect(resultOf(lab, image)).toBe(-1);
  });

  it('expands small subprograms and keeps their frames apart', () => {
    const lab = new Lab();
    const image = imageOf(`
      r6 = 7
      *(u64 *)(r10 - 8) = 1
      r1 = 20
      call fn_twice
      r1 = r0
      call fn_twice
      r0 += r6
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      exit
    fn_twice:
      r6 = r1
      *(u64 *)(r10 - 8) = r6
      r0 = *(u64 *)(r10 - 8)
      r0 += r6
      exit`);
    expect(textOf(image, lab, { checks: false })).not.toMatch(/call|store/);
    expect(resultOf(lab, image)).toBe(88);
  });

  it('keeps slots in memory when a pointer to them goes somewhere', () => {
    const lab = new Lab();
    const array = `
      *(u64 *)(r10 - 16) = 3
      *(u64 *)(r10 - 8) = 4
      r1 = *(u32 *)(r1 + 12)
      r1 &= 8
      r2 = r10
      r2 += -16
      r2 += r1
      r0 = *(u64 *)(r2 + 0)
      exit`;
    expect(textOf(imageOf(array), lab, { checks: false })).toMatch(/i64\.store/);
    expect(resultOf(lab, imageOf(array))).toBe(3);
    const big = Array.from({ length: 70 }, (_, k) => `r0 += ${k}`).join('\n');
    const passed = `
      *(u64 *)(r10 - 8) = 3
      r1 = r10
      r1 += -8
      call fn_add
      r0 = *(u64 *)(r10 - 8)
      r1 = r10
      r1 += -8
      *(u64 *)(r10 - 16) = r0
      call fn_add
      r0 = *(u64 *)(r10 - 8)
      exit
    fn_add:
      r0 = *(u64 *)(r1 + 0)
      ${big}
      *(u64 *)(r1 + 0) = r0
      exit`;
    expect(resultOf(lab, imageOf(passed))).toBe(3 + 2 * 2415);
  });

  it('adds to addresses of global data', () => {
    const lab = new Lab();
    const map = lab.map({ type: ARRAY, valueSize: 64, maxEntries: 1 });
    map.valueBytes(0).set([...Array(64).keys()]);
    const image = marked(`
      r1 = ${lab.value(map)} ll
      r1 += 32
      r2 = r1
      r2 += -16
      r3 = *(u32 *)(r10 - 4)
      r3 = 5
      r1 += r3
      r0 = *(u8 *)(r1 + 1)
      r4 = *(u8 *)(r2 - 2)
      r0 <<= 8
      r0 |= r4
      exit`);
    expect(resultOf(lab, image)).toBe((38 << 8) | 14);
  });

  it('leaves out checks of bounded indices, and only those', () => {
    const lab = new Lab();
    const map = lab.map({ type: ARRAY, valueSize: 64, maxEntries: 1 });
    const loop = (end: number) =>
      marked(`
      r0 = 0
      r1 = 0
    again:
      r2 = ${lab.value(map)} ll
      r2 += r1
      r3 = *(u8 *)(r2 + 0)
      r0 += r3
      r1 += 1
      if r1 != ${end} goto again
      exit`);
    expect(textOf(loop(64), lab, { checks: true })).not.toMatch(/call \$refuse/);
    expect(textOf(loop(65), lab, { checks: true })).toMatch(/call \$refuse/);
    map.valueBytes(0).fill(1);
    expect(resultOf(lab, loop(64))).toBe(64);
    const fault = faultOf(() =>
      wasmEngine.load(loop(65), lab.runtime, { checks: true }).run(lab.context),
    );
    expect(fault).toMatchObject({ kind: 'out of range', insn: 5, size: 1, write: false });
  });

  it('selects instead of jumping over a few instructions', () => {
    const lab = new Lab();
    const image = (relation: string) =>
      imageOf(`
      r0 = *(u32 *)(r1 + 12)
      r2 = r0
      r2 += 32
      r3 = 5
      if w0 ${relation} 64 goto low
      r3 = r2
      r2 ^= r3
      r2 -= 9
    low:
      r0 *= 1000
      r0 += r2
      r0 += r3
      exit`);
    expect(textOf(image('s<'), lab, { checks: false })).toMatch(/select/);
    expect(textOf(image('s<'), lab, { checks: false })).not.toMatch(/if|block/);
    for (const value of [0, 63, 64, 65, 0x80000000]) {
      for (const relation of ['s<', '>', '!=']) {
        lab.runtime.u32()[(lab.context + 12) >>> 2] = value;
        resultOf(lab, image(relation));
      }
    }
  });

  it('proves packet accesses by the comparison with the end', () => {
    const lab = new Lab(64);
    const parse = (bytes: number) => `
      r2 = *(u32 *)(r1 + 0)
      r3 = *(u32 *)(r1 + 4)
      r0 = 2
      r4 = r2
      r4 += ${bytes}
      if r4 > r3 goto out
      r0 = *(u32 *)(r2 + 10)
    out:
      exit`;
    expect(textOf(imageOf(parse(14)), lab, { checks: true })).not.toMatch(/call/);
    expect(textOf(imageOf(parse(13)), lab, { checks: true })).toMatch(/call/);
    expect(resultOf(lab, imageOf(parse(14)))).toBe(0);
    lab.setPacket(lab.packet, lab.packet + 13);
    expect(resultOf(lab, imageOf(parse(14)))).toBe(2);
    const code = wasmEngine.load(imageOf(parse(13)), lab.runtime, { checks: true });
    expect(faultOf(() => code.run(lab.context))).toMatchObject({ kind: 'out of range', insn: 6 });
  });
});

describe('a compiled module', () => {
  const text = 'r0 = 6\nr0 *= 7\nexit';

  it('is a pure function of image, options and facts', () => {
    const lab = new Lab();
    const image = imageOf(text);
    const facts = collectFacts(image, lab.runtime);
    const first = compileToWasm(image, { checks: true }, facts);
    const copy = JSON.parse(JSON.stringify(facts)) as typeof facts;
    const second = compileToWasm(image, { checks: true }, copy);
    expect(second.bytes).toEqual(first.bytes);
    expect(structuredClone(first)).toEqual(first);
  });

  it('has a key that differs when its bytes may', () => {
    const lab = new Lab();
    const image = imageOf(text);
    const facts = collectFacts(image, lab.runtime);
    const keys = [
      cacheKey(image, { checks: true }, facts),
      cacheKey(image, { checks: false }, facts),
      cacheKey(image, { checks: true, fuel: 9 }, facts),
      cacheKey({ ...image, id: image.id + 1 }, { checks: true }, facts),
      cacheKey(imageOf(`${text}\nexit`, { id: image.id }), { checks: true }, facts),
      cacheKey(image, { checks: true }, { ...facts, shared: true }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(cacheKey({ ...image }, { checks: true }, collectFacts(image, lab.runtime))).toBe(
      keys[0],
    );
  });

  it('runs from kept bytes, now and later', async () => {
    const lab = new Lab();
    const image = imageOf(text);
    const facts = collectFacts(image, lab.runtime);
    const compiled = structuredClone(compileToWasm(image, { checks: false }, facts));
    expect(instantiate(image, lab.runtime, compiled).run(lab.context)).toBe(42);
    expect((await instantiateAsync(image, lab.runtime, compiled)).run(lab.context)).toBe(42);
  });

  it('makes tail calls without the wasm instruction where an engine lacks it', () => {
    const lab = new Lab();
    const target = wasmEngine.load(imageOf('r0 = 9\nexit'), lab.runtime, { checks: true });
    const map = lab.programArray([target.entry]);
    const image = marked(`r2 = ${lab.handle(map)} ll\nr3 = 0\ncall 12\nr0 = 1\nexit`);
    const facts = collectFacts(image, lab.runtime);
    expect(facts.tailCalls).toBe(true);
    for (const tailCalls of [true, false]) {
      const compiled = compileToWasm(image, { checks: false }, { ...facts, tailCalls });
      expect(instantiate(image, lab.runtime, compiled).run(lab.context)).toBe(9);
    }
  });

  it('uses atomic instructions on shared memory, plain ones otherwise, with the same results', () => {
    const text = `
      r6 = r1
      *(u64 *)(r6 + 16) = 40
      *(u32 *)(r6 + 12) = -3
      r2 = 5
      lock *(u64 *)(r6 + 16) += r2
      r3 = 7
      r3 = atomic_fetch_or((u64 *)(r6 + 16), r3)
      w4 = 9
      w4 = atomic_fetch_xor((u32 *)(r6 + 12), w4)
      r5 = 1
      r5 = xchg_64(r6 + 16, r5)
      r0 = -3
      r0 ^= 9
      w7 = 77
      w0 = cmpxchg32_32(r6 + 12, w0, w7)
      r8 = *(u32 *)(r6 + 12)
      r0 += r3
      r0 += r4
      r0 += r5
      r0 += r8
      exit`;
    const image = imageOf(text, { context: { size: 24, allocated: 64 } });
    const results = [true, false].flatMap((shared) => {
      const runtime = createRuntime({ cpus: 2, shared });
      const context = runtime.allocate(64, 64);
      return [interpreterEngine, wasmEngine].flatMap((engine) =>
        [true, false].map((checks) => engine.load(image, runtime, { checks }).run(context)),
      );
    });
    expect(new Set(results).size, results.join()).toBe(1);
    const runtime = createRuntime({ cpus: 1, shared: true });
    const { bytes } = compileToWasm(image, { checks: false }, collectFacts(image, runtime));
    const module = wabt.readWasm(bytes, { readDebugNames: true, threads: true });
    expect(module.toText({}).match(/atomic\.rmw/g)).toHaveLength(2 * 5);
  });

  it('is refused for a program without instructions', () => {
    const lab = new Lab();
    const image = { ...imageOf('exit'), insns: new Uint8Array(0) };
    expect(() => wasmEngine.load(image, lab.runtime, { checks: false })).toThrow(/no instructions/);
  });

  it('runs a batch over many contexts, each from clean registers', () => {
    const lab = new Lab();
    const count = 150;
    const contexts = lab.runtime.allocate(count * 64, 64);
    const results = lab.runtime.allocate(count * 4, 64);
    const times = lab.runtime.allocate(count * 8, 64);
    for (let i = 0; i < count; i++) {
      lab.runtime.u32()[(contexts + 64 * i + 12) >>> 2] = i;
      lab.runtime.view().setBigUint64(times + 8 * i, BigInt(i * 1000), true);
    }
    const image = imageOf(`
      r0 += 1
      r6 = *(u32 *)(r1 + 12)
      *(u64 *)(r10 - 8) = r6
      call 5
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      exit`);
    for (const checks of [true, false]) {
      const code = wasmEngine.load(image, lab.runtime, { checks });
      expect(code.batch(contexts, 64, count, results, times)).toBe(count);
      const verdicts = lab.runtime.i32().subarray(results >> 2, (results >> 2) + count);
      expect([...verdicts]).toEqual(Array.from({ length: count }, (_, i) => i * 1001));
      code.batch(contexts, 64, count, results, 0);
      expect(lab.runtime.clock).toBe(149_000n);
    }
  });
});

/** Emitted text of small programs; BLESS=1 writes what it is now. */
describe('golden text', () => {
  const programs: Record<string, string> = {
    'if-else': 'r0 = *(u32 *)(r1 + 12)\nif r0 > 5 goto big\nr0 += 1\nexit\nbig: r0 -= 5\nexit',
    loop: 'r0 = 0\nr2 = *(u32 *)(r1 + 12)\nl: r0 += r2\nr2 -= 1\nif r2 != 0 goto l\nexit',
    'division-and-swap':
      'r0 = *(u32 *)(r1 + 12)\nr2 = 7\nr2 /= r0\nw2 s%= w0\nr2 = be16 r2\nr0 = r2\nexit',
    atomics: 'r2 = 1\nlock *(u64 *)(r1 + 16) += r2\nr0 = r2\nexit',
  };
  const file = (name: string, mode: string) =>
    new URL(`wasm-golden/${name}.${mode}.wat`, import.meta.url);

  for (const [name, text] of Object.entries(programs)) {
    for (const checks of [false, true]) {
      const mode = checks ? 'checked' : 'trusted';
      it(`${name}, ${mode}`, () => {
        const found = `${textOf(imageOf(text, { id: 1 }), new Lab(), { checks })}\n`;
        const golden = file(name, mode);
        if (process.env['BLESS'] || !existsSync(golden)) writeFileSync(golden, found);
        expect(found).toBe(readFileSync(golden, 'utf8'));
      });
    }
  }
});
