import { defineMessages } from './message.ts';

/** Conditional jumps. */
export const jump = defineMessages('jump', {
  invalid_opcode: (op: number) => `invalid BPF_JMP/JMP32 opcode ${op.toString(16)}`,
  may_goto: (off: number, imm: number) => `invalid may_goto off ${off} imm ${imm}`,
  reserved: () => 'BPF_JMP/JMP32 uses reserved fields',
  pointer_comparison: (reg: number) => `R${reg} pointer comparison prohibited`,
});
