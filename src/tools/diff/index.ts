export { compare } from './compare.ts';
export { type DiffTarget, mapLines, observe } from './observe.ts';
export * from './types.ts';
