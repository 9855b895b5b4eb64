import { bucketValue } from './shape.ts';
import type { Sketch } from './sketch.ts';

/**
 * The sketch as a DDSketch in protobuf (message DDSketch of Datadog's sketches libraries, with the
 * logarithmic mapping, which all of them read). Its buckets are others: quantiles read from it are
 * within `accuracy` of what this sketch says, so within `sketch.error + accuracy` of the truth.
 *
 * @example
 * DDSketch.fromProto(toDDSketch(sketch)).getValueAtQuantile(0.99);    // of @datadog/sketches-js
 */
export function toDDSketch(sketch: Sketch, accuracy = 0.01): Uint8Array {
  if (!(accuracy > 0 && accuracy < 1))
    throw new RangeError(`accuracy ${accuracy}: between 0 and 1`);
  const gamma = (1 + accuracy) / (1 - accuracy);
  const bins = new Map<number, number>();
  let zeros = 0;
  for (const [bucket, count] of sketch.buckets()) {
    const value = bucketValue(sketch.shape, bucket);
    if (value === 0) zeros += count;
    else {
      const bin = Math.ceil(Math.log(value) / Math.log(gamma));
      bins.set(bin, (bins.get(bin) ?? 0) + count);
    }
  }
  const mapping = doubleField(1, gamma);
  const message = [...bytesField(1, mapping), ...bytesField(2, store(bins))];
  return Uint8Array.from([...message, ...bytesField(3, []), ...doubleField(4, zeros)]);
}

/** Message Store: counts of neighbouring bins, and the number of the first. */
function store(bins: ReadonlyMap<number, number>): number[] {
  if (bins.size === 0) return [];
  const numbers = [...bins.keys()];
  const first = numbers.reduce((a, b) => Math.min(a, b));
  const last = numbers.reduce((a, b) => Math.max(a, b));
  const counts = Array.from({ length: last - first + 1 }, (_, i) => bins.get(first + i) ?? 0);
  const packed = counts.flatMap(float64);
  return [...bytesField(2, packed), (3 << 3) | VARINT, ...varint(zigzag(first))];
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

const float64 = (value: number): number[] => [...new Uint8Array(Float64Array.of(value).buffer)];

const doubleField = (field: number, value: number): number[] => [
  (field << 3) | FIXED64,
  ...float64(value),
];

const bytesField = (field: number, bytes: readonly number[]): number[] => [
  (field << 3) | LENGTH,
  ...varint(bytes.length),
  ...bytes,
];
