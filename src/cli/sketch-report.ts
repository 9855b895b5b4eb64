import type { Btf } from '../btf/index.ts';
import type { KernelMap } from '../kernel/index.ts';
import { bucketCount, bucketRange, Sketch, shapeOfMap } from '../tools/sketch/index.ts';
import type { Style } from './io.ts';
import { type Column, formatRows, grouped, percent } from './table.ts';

const QUANTILES = [0, 0.5, 0.9, 0.99, 0.999, 1];
const NAMES = ['least', 'p50', 'p90', 'p99', 'p99.9', 'most'];
const BARS = ' ▁▂▃▄▅▆▇█';

/** The sketch in a map; undefined for maps that are none. */
export function readSketch(map: KernelMap, btf: Btf | undefined): Sketch | undefined {
  const shape = shapeOfMap(btf, map.spec.valueTypeId);
  const isOne = shape && map.spec.maxEntries === bucketCount(shape);
  return isOne ? Sketch.read({ kernelMap: map, btf }) : undefined;
}

/** A sketch as its quantiles, and its values on a line from the least to the most. */
export function sketchText(name: string, sketch: Sketch, width: number, style: Style): string {
  const error = (sketch.error * 100).toFixed(2);
  const facts = `sketch of ${grouped(sketch.count)} values, within ${error} %`;
  const heading = `${style.bold(name)} ${style.dim(`(${facts})`)}\n`;
  const columns: Column[] = [
    { head: 'quantile' },
    { head: 'value', right: true },
    { head: 'from', right: true },
    { head: 'to', right: true },
  ];
  const rows = QUANTILES.map((q, i) => {
    const { value, low, high } = sketch.quantile(q)!;
    return [NAMES[i]!, ...[value, low, high].map((one) => grouped(Math.round(one)))];
  });
  return heading + formatRows(columns, rows, width, style.dim) + line(sketch, width - 4, style);
}

/** How many values, by place on a logarithmic scale. */
function line(sketch: Sketch, width: number, style: Style): string {
  const [low, high] = [sketch.quantile(0)!.low, sketch.quantile(1)!.high];
  const from = Math.log2(Math.max(1, low));
  const span = Math.log2(Math.max(2, high)) - from || 1;
  const cells = new Float64Array(Math.min(width, 72));
  for (const [bucket, count] of sketch.buckets()) {
    const range = bucketRange(sketch.shape, bucket);
    const [first, last] = [range.low, range.high + 1].map((value) => {
      const at = (Math.log2(Math.max(1, value)) - from) / span;
      return Math.min(cells.length - 1, Math.floor(at * cells.length));
    });
    // A bucket that is wider than a cell is spread over all it covers.
    for (let i = first!; i <= last!; i++) cells[i]! += count / (last! - first! + 1);
  }
  const most = cells.reduce((a, b) => Math.max(a, b));
  const bars = [...cells].map((count) => BARS[count && Math.ceil((count / most) * 8)]!);
  const share = percent(Math.round(most), sketch.count);
  const scale = `${grouped(low)} to ${grouped(high)}, logarithmic; highest bar: ${share}`;
  return `  ${style.accent(bars.join(''))}\n  ${style.dim(scale)}\n`;
}

/** For JSON. */
export function sketchJson(sketch: Sketch): object {
  return {
    ...sketch.shape,
    error: sketch.error,
    count: sketch.count,
    quantiles: Object.fromEntries(NAMES.map((name, i) => [name, sketch.quantile(QUANTILES[i]!)])),
  };
}
