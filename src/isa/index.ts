export * from './assemble.ts';
export { type BasicBlock, basicBlocks, blockAt } from './blocks.ts';
export * from './code.ts';
export * from './disassemble.ts';
export * from './flow.ts';
export type { ConformanceGroup, InsnInfo, InsnKind } from './insn.ts';
export * from './lookup.ts';
export * from './opcodes.ts';
export { INSN_TABLE } from './table.ts';
