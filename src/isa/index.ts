export * from './assemble.ts';
export * from './code.ts';
export * from './disassemble.ts';
export * from './flow.ts';
export { CONFORMANCE_GROUPS, type ConformanceGroup, type InsnInfo, type InsnKind } from './insn.ts';
export * from './lookup.ts';
export { assembleMnemonics } from './mnemonic.ts';
export * from './opcodes.ts';
export { INSN_TABLE } from './table.ts';
