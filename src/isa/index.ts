export * from './disassemble.ts';
export * from './code.ts';
export * from './lookup.ts';
export * from './opcodes.ts';
export * from './table.ts';
