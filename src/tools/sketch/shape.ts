import type { Btf } from '../../btf/index.ts';

/** How a sketch divides numbers into buckets; see include/beeyard/sketch.h. */
export interface SketchShape {
  /** Each [2^n, 2^(n+1)) is divided into 2^precision buckets. 1 to 12. */
  readonly precision: number;
  /** Low bits that are dropped: values are counted in units of 2^unitBits. */
  readonly unitBits: number;
  /** Values of 2^highBits and more share the last bucket. At most 64. */
  readonly highBits: number;
}

/** A bucket's values: low ≤ value ≤ high, integers. Exact up to 2^53. */
export interface SketchRange {
  readonly low: number;
  readonly high: number;
}

/** Throws RangeError with what is wrong, if such a sketch cannot be. */
export function checkShape(shape: SketchShape): SketchShape {
  const { precision, unitBits, highBits } = shape;
  const whole = [precision, unitBits, highBits].every(Number.isInteger);
  if (!whole || precision < 1 || precision > 12) {
    throw new RangeError(`precision ${precision}: a sketch has 1 to 12 bits of it`);
  }
  if (unitBits < 0 || highBits > 64 || unitBits + precision >= highBits) {
    throw new RangeError(
      `unitBits ${unitBits}, highBits ${highBits}: ` +
        'unitBits + precision must be less than highBits, and highBits at most 64',
    );
  }
  return shape;
}

/** Buckets of a sketch, the one for what is too large included. */
export function bucketCount({ precision, unitBits, highBits }: SketchShape): number {
  return (highBits - unitBits - precision + 1) * 2 ** precision + 1;
}

/** The bucket that counts what is too large for the others. */
export const overflowBucket = (shape: SketchShape): number => bucketCount(shape) - 1;

/** The bucket that counts `value` (an integer from 0; bigint above 2^53). */
export function bucketOf(shape: SketchShape, value: number | bigint): number {
  const { precision, unitBits, highBits } = shape;
  if (value < 0) throw new RangeError(`${value}: a sketch counts amounts from 0`);
  if (value >= 2 ** highBits) return overflowBucket(shape);
  const units = BigInt(value) >> BigInt(unitBits);
  const shift = Math.max(0, bitLength(units) - precision - 1);
  return shift * 2 ** precision + Number(units >> BigInt(shift));
}

const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);

/** Which values a bucket counts. */
export function bucketRange(shape: SketchShape, bucket: number): SketchRange {
  const { precision, unitBits, highBits } = shape;
  if (bucket === overflowBucket(shape)) return { low: 2 ** highBits, high: 2 ** 64 };
  const shift = Math.max(0, Math.floor(bucket / 2 ** precision) - 1);
  const width = 2 ** (shift + unitBits);
  const low = (bucket - shift * 2 ** precision) * width;
  return { low, high: low + width - 1 };
}

/**
 * The value that stands for a bucket: the same part of itself away from its lowest and highest; of
 * what is too large, the lowest.
 */
export function bucketValue(shape: SketchShape, bucket: number): number {
  const { low, high } = bucketRange(shape, bucket);
  if (bucket === overflowBucket(shape) || low === high) return low;
  return Math.max(low, (2 * low * high) / (low + high));
}

/**
 * The most a quantile is away from the true one, as a part of it, from 2^(precision + unitBits) on;
 * below, it is at most half a unit away.
 */
export const relativeError = ({ precision }: SketchShape): number => 1 / (2 ** (precision + 1) + 1);

const MEMBERS = ['sketch_precision', 'sketch_unit_bits', 'sketch_high_bits'];

/**
 * The shape of a map that `BPF_SKETCH` defined, out of its value's type; undefined for other maps.
 */
export function shapeOfMap(btf: Btf | undefined, valueTypeId: number): SketchShape | undefined {
  if (!btf || valueTypeId === 0) return undefined;
  const type = btf.resolved(valueTypeId);
  if (type.kind !== 'struct') return undefined;
  const said = MEMBERS.map((name) => {
    const member = type.members.find((one) => one.name === name);
    return member && elementsBehind(btf, member.type);
  });
  const [precision, unitBits, highBits] = said;
  if (precision === undefined || unitBits === undefined || highBits === undefined) return undefined;
  // An array of no elements is no good in C, so the header counts from one.
  return checkShape({ precision, unitBits: unitBits - 1, highBits });
}

/** `int (*name[0])[N]`: N. */
function elementsBehind(btf: Btf, typeId: number): number | undefined {
  const none = btf.resolved(typeId);
  const pointer = none.kind === 'array' ? btf.resolved(none.type) : none;
  const numbers = pointer.kind === 'ptr' ? btf.resolved(pointer.type) : pointer;
  return numbers.kind === 'array' ? numbers.count : undefined;
}
