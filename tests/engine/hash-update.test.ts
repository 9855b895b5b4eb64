// Updates and deletes in hashes that compiled code does itself, against a model and the runtime.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectFacts } from '../../src/engine/wasm/collect.ts';
import { compileToWasm } from '../../src/engine/wasm/compile.ts';
import { wasmFunctions } from '../../src/engine/wasm/text.ts';
import type { LoadedCode } from '../../src/engine/index.ts';
import { H_EXTRA } from '../../src/runtime/layout.ts';
import type { RuntimeMap } from '../../src/runtime/types.ts';
import { Lab, marked, type Variant, variants } from './harness.ts';

const HASH = 1;
const LRU_HASH = 9;
const ENTRIES = 6;
const [EEXIST, ENOENT, E2BIG] = [-17n, -2n, -7n];
const BPF_F_LOCK = 4;
const BPF_F_NO_PREALLOC = 1;

/** Stores words with numbers that follow from the first word of the packet. */
function fill(size: number, unit: number, offset: number, factor: number): string {
  const lines: string[] = [];
  for (let at = 0; at < size; ) {
    const most = Math.min(unit, size - at);
    const piece = most >= 8 && at % 8 === 0 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
    lines.push(`r2 = r7`, `r2 *= ${factor + at}`, `*(u${piece * 8} *)(r10 - ${offset - at}) = r2`);
    at += piece;
  }
  return lines.join('\n');
}

interface Shape {
  readonly keySize: number;
  readonly valueSize: number;
  readonly unit: number;
}

const START = 'r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r6 + 0)\nr8 = *(u32 *)(r6 + 4)';

function updateText(lab: Lab, map: RuntimeMap, shape: Shape, flags: number): string {
  return `${START}
    ${fill(shape.keySize, shape.unit, 80, 3)}
    r7 = r8
    ${fill(shape.valueSize, shape.unit, 256, 5)}
    r1 = ${lab.handle(map)} ll
    r2 = r10
    r2 += -80
    r3 = r10
    r3 += -256
    r4 = ${flags}
    call 2
    exit`;
}

function deleteText(lab: Lab, map: RuntimeMap, shape: Shape): string {
  return `${START}
    ${fill(shape.keySize, shape.unit, 80, 3)}
    r2 = r10
    r2 += -80
    r1 = ${lab.handle(map)} ll
    call 3
    exit`;
}

/** A map and the programs that write to it, of one engine. */
class Side {
  readonly lab = new Lab();
  readonly map: RuntimeMap;
  private readonly shape: Shape;
  private readonly codes: readonly LoadedCode[];

  constructor(variant: Variant, shape: Shape, flags = 0, type = HASH) {
    this.shape = shape;
    const { keySize, valueSize } = shape;
    this.map = this.lab.map({ type, keySize, valueSize, maxEntries: ENTRIES, flags });
    const texts = [0, 1, 2, BPF_F_LOCK].map((f) => updateText(this.lab, this.map, shape, f));
    const all = [...texts, deleteText(this.lab, this.map, shape)];
    this.codes = all.map((text) => this.lab.load(variant, marked(text)));
  }

  /** Program `code` (4: delete) for a key and a value, by number. */
  run(code: number, key: number, value: number): bigint {
    const view = new DataView(this.lab.runtime.memory.buffer);
    view.setUint32(this.lab.packet, key, true);
    view.setUint32(this.lab.packet + 4, value, true);
    return BigInt.asIntN(64, this.lab.r0(this.codes[code]!));
  }

  /** Keys in the order of the table, with what they hold. */
  contents(): string[] {
    const { keySize, valueSize } = this.shape;
    const all: string[] = [];
    let key: Uint8Array | undefined;
    for (const next = new Uint8Array(keySize); this.map.nextKey(key, next) === 0; ) {
      key = next.slice();
      const value = new Uint8Array(valueSize);
      expect(this.map.lookup(key, value)).toBe(0);
      all.push(`${key.join()}: ${value.join()}`);
    }
    return all;
  }
}

/** What Linux answers. */
class Model {
  readonly keys = new Set<number>();

  run(code: number, key: number): bigint {
    const had = this.keys.has(key);
    if (code === 4) return this.keys.delete(key) ? 0n : ENOENT;
    if (code === 3) return -22n;
    if (had) return code === 1 ? EEXIST : 0n;
    if (code === 2) return ENOENT;
    if (this.keys.size === ENTRIES) return E2BIG;
    this.keys.add(key);
    return 0n;
  }
}

const SHAPES: readonly Shape[] = [
  { keySize: 4, valueSize: 8, unit: 8 },
  { keySize: 8, valueSize: 8, unit: 4 },
  { keySize: 8, valueSize: 13, unit: 2 },
  { keySize: 12, valueSize: 24, unit: 4 },
  { keySize: 16, valueSize: 4, unit: 8 },
  { keySize: 20, valueSize: 1, unit: 1 },
  { keySize: 32, valueSize: 64, unit: 8 },
  { keySize: 64, valueSize: 128, unit: 8 },
  { keySize: 6, valueSize: 8, unit: 2 },
  { keySize: 8, valueSize: 136, unit: 8 },
];

const name = ({ keySize, valueSize, unit }: Shape) =>
  `keys of ${keySize}, values of ${valueSize} bytes, written ${unit} at a time`;

const steps = fc.array(fc.tuple(fc.nat(4), fc.nat(9), fc.integer({ min: 1, max: 0x7fffffff })), {
  minLength: 10,
  maxLength: 60,
});

describe('updates and deletes by programs', () => {
  it.each(SHAPES.map((shape) => [name(shape), shape] as const))(
    '%s: every engine leaves the same keys in the same order',
    (_, shape) => {
      fc.assert(
        fc.property(steps, fc.boolean(), (list, preallocated) => {
          const flags = preallocated ? 0 : BPF_F_NO_PREALLOC;
          const sides = variants.map((variant) => new Side(variant, shape, flags));
          const model = new Model();
          for (const [code, key, value] of list) {
            const expected = model.run(code, key);
            for (const side of sides) expect(side.run(code, key, value)).toBe(expected);
          }
          const [first, ...others] = sides.map((side) => side.contents());
          expect(first).toHaveLength(model.keys.size);
          for (const other of others) expect(other).toEqual(first);
        }),
        { numRuns: 6 },
      );
    },
  );

  it.each(SHAPES.slice(0, 8).map((shape) => [name(shape), shape] as const))(
    'an LRU, %s: every engine gives up the same keys',
    (_, shape) => {
      fc.assert(
        fc.property(steps, (list) => {
          const sides = variants.map((variant) => new Side(variant, shape, 0, LRU_HASH));
          for (const [code, key, value] of list) {
            const [first, ...others] = sides.map((side) => side.run(code, key, value));
            for (const other of others) expect(other).toBe(first);
          }
          const [first, ...others] = sides.map((side) => side.contents());
          expect(first!.length).toBeLessThanOrEqual(ENTRIES);
          for (const other of others) expect(other).toEqual(first);
        }),
        { numRuns: 4 },
      );
    },
  );

  it.each(variants)(
    '$name: readers see the whole old value until the new one is there',
    (variant) => {
      const lab = new Lab();
      const map = lab.map({ type: HASH, keySize: 4, valueSize: 8, maxEntries: ENTRIES });
      map.update(Uint8Array.of(1, 0, 0, 0), Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0));
      const text = `
      *(u32 *)(r10 - 4) = 1
      r1 = ${lab.handle(map)} ll
      r2 = r10
      r2 += -4
      call 1
      if r0 == 0 goto out
      r6 = r0
      *(u64 *)(r10 - 16) = 7
      r1 = ${lab.handle(map)} ll
      r2 = r10
      r2 += -4
      r3 = r10
      r3 += -16
      r4 = 0
      call 2
      r0 = *(u64 *)(r6 + 0)
    out:
      exit`;
      expect(lab.r0(lab.load(variant, marked(text)))).toBe(5n);
      const out = new Uint8Array(8);
      map.lookup(Uint8Array.of(1, 0, 0, 0), out);
      expect(out[0]).toBe(7);
    },
  );

  it.each(variants)('$name: a value may come from the map itself', (variant) => {
    const lab = new Lab();
    const map = lab.map({ type: HASH, keySize: 4, valueSize: 8, maxEntries: ENTRIES });
    map.update(Uint8Array.of(1, 0, 0, 0), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const text = `
      *(u32 *)(r10 - 4) = 1
      r1 = ${lab.handle(map)} ll
      r2 = r10
      r2 += -4
      call 1
      if r0 == 0 goto out
      *(u32 *)(r10 - 4) = 2
      r1 = ${lab.handle(map)} ll
      r2 = r10
      r2 += -4
      r3 = r0
      r4 = 1
      call 2
    out:
      exit`;
    expect(lab.r0(lab.load(variant, marked(text)))).toBe(0n);
    const out = new Uint8Array(8);
    expect(map.lookup(Uint8Array.of(2, 0, 0, 0), out)).toBe(0);
    expect(out).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  });
});

describe('compiled code', () => {
  const shape: Shape = { keySize: 8, valueSize: 16, unit: 4 };
  const callsOf = (lab: Lab, text: string, watch = false) => {
    const image = marked(text);
    const facts = collectFacts(image, lab.runtime);
    const { bytes } = compileToWasm(image, { checks: false, watch }, facts);
    const { insns } = wasmFunctions(bytes).find((one) => one.name === 'test')!;
    return insns.filter((insn) => insn.text.startsWith('call')).length;
  };

  it('updates and deletes without a call', () => {
    const lab = new Lab();
    const map = lab.map({ type: HASH, keySize: 8, valueSize: 16 });
    for (const text of [updateText(lab, map, shape, 0), deleteText(lab, map, shape)]) {
      expect(callsOf(lab, text)).toBe(0);
      expect(callsOf(lab, text, true)).toBeGreaterThan(0);
    }
    expect(callsOf(lab, updateText(lab, map, shape, BPF_F_LOCK))).toBe(1);
  });

  it('asks the runtime for the nodes of an LRU only', () => {
    const lab = new Lab();
    const map = lab.map({ type: LRU_HASH, keySize: 8, valueSize: 16 });
    expect(callsOf(lab, updateText(lab, map, shape, 2))).toBe(3);
    expect(callsOf(lab, updateText(lab, map, shape, 2), true)).toBeGreaterThan(0);
  });

  it('leaves elements of a pool to the runtime', () => {
    const lab = new Lab();
    const map = lab.map({ type: HASH, keySize: 8, valueSize: 16 });
    lab.runtime.view().setUint32(map.address + H_EXTRA, 0, true);
    expect(callsOf(lab, updateText(lab, map, shape, 0))).toBe(1);
  });
});
