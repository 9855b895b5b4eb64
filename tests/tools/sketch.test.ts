import { readFileSync } from 'node:fs';
import { DDSketch } from '@datadog/sketches-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import {
  bucketCount,
  bucketOf,
  bucketRange,
  relativeError,
  Sketch,
  type SketchShape,
  toDDSketch,
} from '../../src/tools/sketch/index.ts';

const object = readFileSync(new URL('sketch.bpf.o', import.meta.url));
const SHAPES: Record<string, SketchShape> = {
  everything: { precision: 5, unitBits: 0, highBits: 64 },
  latency: { precision: 6, unitBits: 4, highBits: 42 },
  fine: { precision: 12, unitBits: 0, highBits: 20 },
  coarse: { precision: 1, unitBits: 8, highBits: 33 },
};
const QUANTILES = [0, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1];

/** As many small values as large ones, up to 64 bits. */
const amounts = fc
  .tuple(fc.bigInt(0n, 2n ** 64n - 1n), fc.integer({ min: 0, max: 63 }))
  .map(([value, shift]) => value >> BigInt(shift));

const shapes = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 12 }))
  .chain(([precision, unitBits]) =>
    fc.record({
      precision: fc.constant(precision),
      unitBits: fc.constant(unitBits),
      highBits: fc.integer({ min: precision + unitBits + 1, max: 64 }),
    }),
  );

describe('buckets', () => {
  it('divide all numbers: each starts where the last one ends', () => {
    for (const shape of Object.values(SHAPES)) {
      let next = 0;
      for (let bucket = 0; bucket < bucketCount(shape); bucket++) {
        const { low, high } = bucketRange(shape, bucket);
        expect(low).toBe(next);
        next = high + 1;
      }
    }
  });

  it('have the value in their range, no wider than the error says', () => {
    fc.assert(
      fc.property(shapes, amounts, (shape, value) => {
        const bucket = bucketOf(shape, value);
        const { low, high } = bucketRange(shape, bucket);
        expect(value >= low && value <= high).toBe(true);
        if (value >= 2 ** shape.highBits) expect(bucket).toBe(bucketCount(shape) - 1);
        else if (value >= 2 ** (shape.precision + shape.unitBits)) {
          // Not by `high`: above 2^53 it is rounded, where each bucket begins is not.
          const width = bucketRange(shape, bucket + 1).low - low;
          expect(width / (2 * low + width)).toBeLessThanOrEqual(relativeError(shape));
        } else expect(high - low + 1).toBe(2 ** shape.unitBits);
      }),
    );
  });

  it('of impossible shapes are refused', () => {
    expect(() => Sketch.empty({ precision: 0, unitBits: 0, highBits: 64 })).toThrow(/1 to 12/);
    expect(() => Sketch.empty({ precision: 5, unitBits: 0, highBits: 65 })).toThrow(/at most 64/);
    expect(() => Sketch.empty({ precision: 5, unitBits: 5, highBits: 10 })).toThrow(RangeError);
    expect(() => Sketch.of(SHAPES.fine!, [-1])).toThrow(/amounts from 0/);
  });
});

describe.each(['wasm', 'interpreter'] as const)('the header, on %s', (engine) => {
  it('puts every value where the reader looks for it, on every CPU', async () => {
    using host = await createMachine({ engine, cpus: 2 });
    const { programs, maps } = await host.load(object);
    const edges = Array.from({ length: 64 }, (_, n) => 2n ** BigInt(n)).flatMap((one) => [
      one - 1n,
      one,
      one + 1n,
    ]);
    const values = [...edges, ...fc.sample(amounts, { numRuns: 2000, seed: 1 }), 2n ** 64n - 1n];
    for (const value of values) {
      const data = new Uint8Array(64);
      new DataView(data.buffer).setBigUint64(0, value, true);
      programs.count!.run({ data });
    }
    for (const [name, shape] of Object.entries(SHAPES)) {
      const sketch = Sketch.read(maps[name]!);
      const times = name === 'coarse' ? [...values, ...values, ...values] : values;
      expect(sketch.toJSON(), name).toEqual(Sketch.of(shape, times).toJSON());
      const each = [0, 1].map((cpu) => Sketch.read(maps[name]!, cpu));
      expect(each[0]!.merge(each[1]!).toJSON()).toEqual(sketch.toJSON());
    }
  });
});

describe('a sketch', () => {
  const exact = (sorted: readonly bigint[], q: number) =>
    sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;

  it('knows every quantile within its error, and says between which values it is', () => {
    fc.assert(
      fc.property(shapes, fc.array(amounts, { minLength: 1, maxLength: 300 }), (shape, values) => {
        const sorted = values.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
        const sketch = Sketch.of(shape, values);
        for (const q of QUANTILES) {
          const truth = exact(sorted, q);
          const { value, low, high } = sketch.quantile(q)!;
          expect(truth >= low && truth <= high).toBe(true);
          if (truth < 2 ** (shape.precision + shape.unitBits)) {
            expect(Math.abs(value - Number(truth))).toBeLessThanOrEqual(2 ** shape.unitBits);
          } else if (truth < 2 ** shape.highBits) {
            const off = Math.abs(value - Number(truth)) / Number(truth);
            expect(off).toBeLessThanOrEqual(sketch.error * 1.000001);
          }
          const rank = sketch.rank(truth);
          const below = sorted.filter((one) => one <= truth).length / sorted.length;
          expect(rank.low <= below && below <= rank.high).toBe(true);
        }
      }),
    );
  });

  it('is the same however its parts are merged, and at whatever time', () => {
    const lists = fc.array(fc.array(amounts, { maxLength: 50 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(shapes, lists, (shape, parts) => {
        const [a, b, c] = parts.map((part) => Sketch.of(shape, part)) as [Sketch, Sketch, Sketch];
        const whole = Sketch.of(shape, parts.flat()).toJSON();
        expect(a.merge(b).merge(c).toJSON()).toEqual(whole);
        expect(c.merge(a.merge(b)).toJSON()).toEqual(whole);
        expect(a.merge(b).merge(c).since(b).toJSON()).toEqual(a.merge(c).toJSON());
        expect(Sketch.fromJSON(JSON.parse(JSON.stringify(whole))).toJSON()).toEqual(whole);
      }),
    );
  });

  it('loses precision as if it had been counted with less', () => {
    fc.assert(
      fc.property(shapes, fc.array(amounts, { maxLength: 100 }), (shape, values) => {
        const coarse = { ...shape, precision: 1 };
        const counted = Sketch.of(coarse, values).toJSON();
        expect(Sketch.of(shape, values).withPrecision(1).toJSON()).toEqual(counted);
        expect(Sketch.of(shape, values).merge(Sketch.empty(coarse)).toJSON()).toEqual(counted);
      }),
    );
  });

  it('says what it cannot do', async () => {
    const [one, other] = [Sketch.empty(SHAPES.fine!), Sketch.empty(SHAPES.latency!)];
    expect(one.quantile(0.5)).toBeUndefined();
    expect(() => one.quantile(50)).toThrow(/from 0 to 1/);
    expect(() => one.merge(other)).toThrow(/other units/);
    expect(() => one.since(Sketch.of(SHAPES.fine!, [1]))).toThrow(/no earlier reading/);
    expect(() => one.withPrecision(13)).toThrow(/cannot become 13/);
    const wrong = { ...SHAPES.fine!, buckets: [[-1, 5]] as [number, number][] };
    expect(() => Sketch.fromJSON(wrong)).toThrow(/no bucket -1/);
    using host = await createMachine();
    const firewall = readFileSync(
      new URL('../../examples/firewall/firewall.bpf.o', import.meta.url),
    );
    const { maps } = await host.load(firewall);
    expect(() => Sketch.read(maps.blocked_v4!)).toThrow(/is no sketch/);
  });

  it('is read by the DDSketch of others', () => {
    const values = fc.sample(amounts, { numRuns: 500, seed: 2 }).map((one) => one >> 20n);
    const sketch = Sketch.of(SHAPES.everything!, values);
    const theirs = DDSketch.fromProto(toDDSketch(sketch, 0.005));
    expect(theirs.count).toBe(values.length);
    for (const q of QUANTILES) {
      // They count ranks from 0 to n - 1, and take the one below.
      const rank = Math.floor(q * (values.length - 1)) + 1;
      const mine = sketch.quantile(rank / values.length)!.value;
      const other = theirs.getValueAtQuantile(q);
      expect(Math.abs(other - mine)).toBeLessThanOrEqual(0.00501 * mine);
    }
    expect(DDSketch.fromProto(toDDSketch(Sketch.empty(SHAPES.fine!))).count).toBe(0);
  });
});
