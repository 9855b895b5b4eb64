export { Btf } from './btf.ts';
export * from './types.ts';
