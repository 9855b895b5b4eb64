/**
 * Quantiles out of maps that `BPF_SKETCH()` of <beeyard/sketch.h> defined.
 *
 * ```ts
 * import { createMachine } from 'beeyard';
 * import { Sketch } from 'beeyard/sketch';
 *
 * const { maps } = await host.load('latency.bpf.o');
 * const { value, low, high } = Sketch.read(maps.latency).quantile(0.99)!;
 * ```
 */
export { toDDSketch } from './ddsketch.ts';
export {
  bucketCount,
  bucketOf,
  bucketRange,
  relativeError,
  shapeOfMap,
  type SketchShape,
} from './shape.ts';
export { type QuantileEstimate, Sketch, type SketchJson, type SketchMap } from './sketch.ts';
