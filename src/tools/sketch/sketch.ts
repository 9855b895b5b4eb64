import { errnoName } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { KernelMap } from '../../kernel/index.ts';
import {
  bucketCount,
  bucketOf,
  bucketRange,
  bucketValue,
  checkShape,
  overflowBucket,
  relativeError,
  shapeOfMap,
  type SketchShape,
} from './shape.ts';

/** An answer, and how sure it is: the true quantile is `low` at least and `high` at most. */
export interface QuantileEstimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What `toJSON` writes and `Sketch.fromJSON` reads: buckets that counted something. */
export interface SketchJson extends SketchShape {
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
}

/**
 * A quantile sketch, read out of a map that `BPF_SKETCH` of <beeyard/sketch.h> defined, or filled
 * here. A value: operations give new ones. Counts are exact up to 2^53.
 *
 * @example
 * const latency = Sketch.read(maps.latency);      // all CPUs together
 * latency.quantile(0.99);            // { value: 18_303, low: 18_176, high: 18_431 }
 * Sketch.read(maps.latency).since(latency);             // what came in between
 * sketchOfHostA.merge(sketchOfHostB).quantile(0.5);
 */
export class Sketch {
  readonly shape: SketchShape;
  /** Values counted. */
  readonly count: number;
  readonly #counts: Float64Array;

  private constructor(shape: SketchShape, counts: Float64Array) {
    this.shape = shape;
    this.#counts = counts;
    this.count = counts.reduce((sum, one) => sum + one, 0);
  }

  /** A sketch with nothing in it. RangeError if there can be none of that shape. */
  static empty(shape: SketchShape): Sketch {
    const { precision, unitBits, highBits } = checkShape(shape);
    const own = { precision, unitBits, highBits };
    return new Sketch(own, new Float64Array(bucketCount(own)));
  }

  /**
   * The sketch in a map: of all CPUs, or of the one given. TypeError if the map is none,
   * KernelError if it cannot be read.
   */
  static read({ kernelMap, btf }: SketchMap, cpu?: number): Sketch {
    const { name, valueTypeId, maxEntries } = kernelMap.spec;
    const shape = shapeOfMap(btf, valueTypeId);
    if (!shape || maxEntries !== bucketCount(shape)) {
      throw new TypeError(`map '${name}' is no sketch: BPF_SKETCH() did not define it`);
    }
    return new Sketch(shape, countsOf(kernelMap, cpu));
  }

  /** A sketch of the values given, each from 0 and an integer. */
  static of(shape: SketchShape, values: Iterable<number | bigint>): Sketch {
    const { shape: own } = Sketch.empty(shape);
    const counts = new Float64Array(bucketCount(own));
    for (const value of values) counts[bucketOf(own, value)]! += 1;
    return new Sketch(own, counts);
  }

  /** Out of what `toJSON` wrote. RangeError if it is not that. */
  static fromJSON(json: SketchJson): Sketch {
    const { shape } = Sketch.empty(json);
    const counts = new Float64Array(bucketCount(shape));
    for (const [bucket, count] of json.buckets) {
      const isThere = Number.isInteger(bucket) && bucket >= 0 && bucket < counts.length;
      if (!isThere || !(count >= 0)) throw new RangeError(`no bucket ${bucket} with ${count}`);
      counts[bucket]! += count;
    }
    return new Sketch(shape, counts);
  }

  /** The most a quantile is off, as a part of it; see `relativeError`. */
  get error(): number {
    return relativeError(this.shape);
  }

  /**
   * The value that a share `q` (0 to 1) of all values is not above: the true one is that with rank
   * ⌈q·count⌉ in order. Undefined if nothing was counted.
   */
  quantile(q: number): QuantileEstimate | undefined {
    if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q}: give a number from 0 to 1`);
    if (this.count === 0) return undefined;
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    let bucket = 0;
    while ((seen += this.#counts[bucket]!) < rank) bucket++;
    return { value: bucketValue(this.shape, bucket), ...bucketRange(this.shape, bucket) };
  }

  /** Share of values that are not above `value`: at least `low`, at most `high`. */
  rank(value: number | bigint): { readonly low: number; readonly high: number } {
    const bucket = bucketOf(this.shape, value);
    let below = 0;
    for (let i = 0; i < bucket; i++) below += this.#counts[i]!;
    const upTo = below + this.#counts[bucket]!;
    const isWhole = bucketRange(this.shape, bucket).high <= value;
    const total = this.count || 1;
    return { low: (isWhole ? upTo : below) / total, high: upTo / total };
  }

  /** Both together. Of two precisions the lower one is left; unit and range must be the same. */
  merge(other: Sketch): Sketch {
    return this.#combine(other, (mine, theirs) => mine + theirs);
  }

  /** What was counted after `earlier`, an older reading of the same map. */
  since(earlier: Sketch): Sketch {
    return this.#combine(earlier, (now, then) => {
      if (now < then) throw new RangeError('the other sketch is no earlier reading of this one');
      return now - then;
    });
  }

  #combine(other: Sketch, join: (a: number, b: number) => number): Sketch {
    const precision = Math.min(this.shape.precision, other.shape.precision);
    const [mine, theirs] = [this.withPrecision(precision), other.withPrecision(precision)];
    const { unitBits, highBits } = this.shape;
    if (unitBits !== other.shape.unitBits || highBits !== other.shape.highBits) {
      throw new RangeError('sketches with other units or another range cannot be merged');
    }
    return new Sketch(
      mine.shape,
      mine.#counts.map((count, bucket) => join(count, theirs.#counts[bucket]!)),
    );
  }

  /** The same with fewer bits of precision, as if it had been counted with so many. */
  withPrecision(precision: number): Sketch {
    if (precision === this.shape.precision) return this;
    if (precision > this.shape.precision) {
      throw new RangeError(`${this.shape.precision} bits of precision cannot become ${precision}`);
    }
    const shape = checkShape({ ...this.shape, precision });
    const counts = new Float64Array(bucketCount(shape));
    const overflow = overflowBucket(this.shape);
    for (const [bucket, count] of this.buckets()) {
      const { low } = bucketRange(this.shape, bucket);
      counts[bucket === overflow ? overflowBucket(shape) : bucketOf(shape, low)]! += count;
    }
    return new Sketch(shape, counts);
  }

  /** Buckets that counted something, in order of their values. */
  *buckets(): IterableIterator<readonly [bucket: number, count: number]> {
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      const count = this.#counts[bucket]!;
      if (count > 0) yield [bucket, count];
    }
  }

  /** Points of the distribution: up to `high`, a share of `share` of all values. */
  *cdf(): IterableIterator<{
    readonly low: number;
    readonly high: number;
    readonly share: number;
  }> {
    let seen = 0;
    for (const [bucket, count] of this.buckets()) {
      seen += count;
      yield { ...bucketRange(this.shape, bucket), share: seen / this.count };
    }
  }

  toJSON(): SketchJson {
    return { ...this.shape, buckets: [...this.buckets()] };
  }
}

/** What is read of a map; a `MapOf` is one. */
export interface SketchMap {
  readonly kernelMap: KernelMap;
  readonly btf: Btf | undefined;
}

/** The slots of a per-CPU array of u64: added up, or those of one CPU. */
function countsOf(map: KernelMap, cpu: number | undefined): Float64Array {
  const counts = new Float64Array(map.spec.maxEntries);
  const values = new BigUint64Array(map.userValueSize / 8);
  const key = new Uint32Array(1);
  const [keyBytes, valueBytes] = [new Uint8Array(key.buffer), new Uint8Array(values.buffer)];
  for (let slot = 0; slot < counts.length; slot++) {
    key[0] = slot;
    const result = map.lookup(keyBytes, valueBytes);
    if (result < 0) {
      const text = `cannot read sketch '${map.spec.name}'`;
      throw new KernelError(errnoName(result), -result, text);
    }
    const wanted = cpu === undefined ? values : values.subarray(cpu, cpu + 1);
    for (const value of wanted) counts[slot]! += Number(value);
  }
  return counts;
}
