/** Objects × kernels × shapes, judged and held against a baseline. */
export { type CiConfig, DEFAULT_GATES, DEFAULT_SHAPE, readConfig } from './config.ts';
export { readVeristatCsv, veristatCsv } from './csv.ts';
export { allowance, findings, GATED, keyOf } from './gates.ts';
export { type CiCell, judge } from './judge.ts';
export { junit, markdown } from './report.ts';
export { shaped } from './shape.ts';
export type * from './types.ts';
