export { isElf, parseElf } from './parse.ts';
export { failIn } from './strings.ts';
export { readRelocations } from './symbols.ts';
export * from './types.ts';
export type { NewElf, NewSection } from './write.ts';
export { alignUp, writeElf } from './write.ts';
export type { NewSymbol } from './write-tables.ts';
export {
  encodeRelocations,
  encodeSymbols,
  REL_SIZE,
  StringTable,
  SYMBOL_SIZE,
} from './write-tables.ts';
