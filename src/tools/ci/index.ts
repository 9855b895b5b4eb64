/** Objects × kernels × shapes, judged and held against a baseline. */
export { type CiConfig, DEFAULT_GATES, DEFAULT_SHAPE, readConfig } from './config.ts';
export {
  compareCsv,
  type Compared,
  comparedCells,
  comparedColumns,
  compareRecords,
  isWorse,
} from './compare.ts';
export { readVeristatCsv, veristatCsv } from './csv.ts';
export { type Denied, matcher, readDenylist, splats, withDenied } from './denylist.ts';
export { explainRegression, type Regression } from './explain.ts';
export { allowance, findings, GATED, keyOf } from './gates.ts';
export { type CiCell, judge, unreadable } from './judge.ts';
export { escapeXml, junit, markdown } from './report.ts';
export { shaped } from './shape.ts';
export type * from './types.ts';
