export { Btf } from './btf.ts';
export * from './ext.ts';
export { parseBtf } from './parse.ts';
export * from './types.ts';
