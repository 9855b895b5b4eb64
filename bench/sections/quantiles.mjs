// The quantile sketch and its peers: how far off are they, and in how much memory?
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DDSketch } from '@datadog/sketches-js';
import { build as buildHdr } from 'hdr-histogram-js';
import { TDigest } from 'tdigest';
import { amountSets } from '../lib/amounts.mjs';
import { table } from '../lib/table.mjs';

export const title =
  'Quantiles: worst error over p50, p90, p99, p99.9, p99.99 against sorting, and memory';

const QUANTILES = [0.5, 0.9, 0.99, 0.999, 0.9999];
const KIB = 1024;

/** Each takes all values and answers with a function of the quantile, and its bytes. */
function makePeers({ Sketch, bucketCount }) {
  const sketch = (precision) => (values) => {
    const shape = { precision, unitBits: 0, highBits: 64 };
    const filled = Sketch.of(shape, values);
    return [(q) => filled.quantile(q).value, bucketCount(shape) * 8];
  };
  return {
    'sketch 1.5 %': sketch(5),
    'sketch 0.8 %': sketch(6),
    'DDSketch 1 %': (values) => {
      const peer = new DDSketch({ relativeAccuracy: 0.01 });
      for (const value of values) peer.accept(value);
      return [(q) => peer.getValueAtQuantile(q), peer.store.length() * 8];
    },
    'HDR 2 digits': (values) => {
      const options = { highestTrackableValue: 2 ** 52, numberOfSignificantValueDigits: 2 };
      const peer = buildHdr({ ...options, bitBucketSize: 64 });
      for (const value of values) peer.recordValue(value);
      return [(q) => peer.getValueAtPercentile(q * 100), peer.estimatedFootprintInBytes];
    },
    't-digest 100': (values) => {
      const peer = new TDigest(0.01);
      // A tree that gets sorted values degenerates, so they come as they are.
      for (const value of values) peer.push(value);
      peer.compress();
      return [(q) => peer.percentile(q), peer.size() * 16];
    },
    'log2 histogram': (values) => {
      const counts = new Float64Array(64);
      for (const value of values) counts[Math.floor(Math.log2(value || 1))] += 1;
      return [(q) => 1.5 * 2 ** bucketAt(counts, q * values.length), 64 * 8];
    },
  };
}

function bucketAt(counts, rank) {
  let seen = 0;
  return counts.findIndex((count) => (seen += count) >= rank);
}

export async function run(context) {
  const entry = join(context.beeyard.folder, 'tools/sketch/index.js');
  const peers = Object.entries(makePeers(await import(pathToFileURL(entry).href)));
  return amountSets().map(([name, values]) => {
    context.progress(name);
    const sorted = values.toSorted();
    const exact = (q) => sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1];
    const sides = peers.map(([peer, fill]) => {
      const [quantile, bytes] = fill(values);
      const errors = QUANTILES.map((q) => Math.abs(quantile(q) - exact(q)) / (exact(q) || 1));
      return { peer, error: Math.max(...errors), bytes };
    });
    return { name, values: values.length, exact: sorted.length * 8, sides };
  });
}

const percent = (share) =>
  share >= 10 ? `${Math.round(share)}×` : `${(share * 100).toFixed(2)} %`;
const kib = (bytes) => `${(bytes / KIB).toFixed(bytes < 10 * KIB ? 1 : 0)}`;

export function render(results) {
  const peers = results[0].sides.map(({ peer }) => peer);
  const errors = results.map(({ name, sides }) => [
    name,
    ...sides.map((one) => percent(one.error)),
  ]);
  const most = peers.map((_, i) => Math.max(...results.map(({ sides }) => sides[i].bytes)));
  const exact = Math.max(...results.map((result) => result.exact));
  return [
    ...table([['amounts', ...peers], ...errors, ['memory, KiB at most', ...most.map(kib)]]),
    '',
    `  Sorting keeps all values: up to ${kib(exact)} KiB. Only the sketch is filled by a BPF program;`,
    '  its figures are those of `Sketch.of`, whose buckets a test holds against the header.',
  ];
}
