// Sets of amounts to take quantiles of: made from a seed, and out of the example's capture.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../../examples/build.mjs';

const COUNT = 200_000;

/** Numbers from 0 to 1, the same each time (xorshift32). */
function* randoms(seed) {
  for (let x = seed; ; ) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield (x >>> 0) / 2 ** 32;
  }
}

function made(seed, amount) {
  const random = randoms(seed);
  const next = () => random.next().value;
  return Float64Array.from({ length: COUNT }, () => Math.floor(amount(next)));
}

const normal = (next) => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());

/** Bytes and nanoseconds since the one before, of the packets in a pcap file. */
function ofCapture() {
  const bytes = gunzipSync(readFileSync(join(root, 'examples/firewall/capture.pcap.gz')));
  const isNano = bytes.readUInt32LE(0) === 0xa1b23c4d;
  const [lengths, gaps] = [[], []];
  let before;
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    const time = bytes.readUInt32LE(at) * 1e9 + bytes.readUInt32LE(at + 4) * (isNano ? 1 : 1000);
    if (before !== undefined) gaps.push(time - before);
    before = time;
    lengths.push(bytes.readUInt32LE(at + 12));
  }
  return { lengths: Float64Array.from(lengths), gaps: Float64Array.from(gaps) };
}

/** Name and values of each set. */
export function amountSets() {
  const { lengths, gaps } = ofCapture();
  return [
    ['uniform', made(1, (next) => next() * 1e9)],
    ['lognormal', made(2, (next) => Math.exp(10 + 2 * normal(next)))],
    ['exponential', made(3, (next) => -Math.log(1 - next()) * 1e6)],
    ['heavy tail (Pareto 0.8)', made(4, (next) => 1000 * (1 - next()) ** (-1 / 0.8))],
    ['two points, 10^3 and 10^9', made(5, (next) => (next() < 0.9 ? 1e3 : 1e9) + 100 * next())],
    ['packet gaps of a capture, ns', gaps],
    ['packet sizes of a capture', lengths],
  ];
}
