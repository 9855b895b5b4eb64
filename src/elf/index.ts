export { isElf, parseElf } from './parse.ts';
export { failIn } from './strings.ts';
export { readRelocations } from './symbols.ts';
export * from './types.ts';
