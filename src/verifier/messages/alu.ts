import { defineMessages } from './message.ts';

/** Arithmetic. */
export const alu = defineMessages('alu', {
  invariants: (context: string, violation: string, ranges: string) =>
    `REG INVARIANTS VIOLATION (${context}): ${violation} ${ranges}`,
  reserved: (operation: string) => `${operation} uses reserved fields`,
  invalid_opcode: (op: number) => `invalid BPF_ALU opcode ${op.toString(16)}`,
  div_by_zero: () => 'div by zero',
  invalid_shift: (imm: number) => `invalid shift ${imm}`,
  cast_spaces: () => 'addr_space_cast insn can only convert between address space 1 and 0',
  cast_without_arena: () =>
    'addr_space_cast insn can only be used in a program that has an associated arena',
  pointer_prohibited: (reg: number) => `R${reg} pointer arithmetic prohibited`,
  partial_copy: (reg: number) => `R${reg} partial copy of pointer`,
  sign_extension: (reg: number) => `R${reg} sign-extension part of pointer`,
  pointer_and_pointer: (reg: number, operator: string) =>
    `R${reg} pointer ${operator} pointer prohibited`,
  pointer_32: (reg: number) => `R${reg} 32-bit pointer arithmetic prohibited`,
  pointer_maybe_null: (reg: number, type: string) =>
    `R${reg} pointer arithmetic on ${type} prohibited, null-check it first`,
  pointer_type: (reg: number, type: string) => `R${reg} pointer arithmetic on ${type} prohibited`,
  pointer_from_scalar: (reg: number) => `R${reg} tried to subtract pointer from scalar`,
  stack_subtraction: (reg: number) => `R${reg} subtraction from stack pointer prohibited`,
  pointer_bitwise: (reg: number, operator: string) =>
    `R${reg} bitwise operator ${operator} on pointer prohibited`,
  pointer_operator: (reg: number, operator: string) =>
    `R${reg} pointer arithmetic with ${operator} operator prohibited`,
  offset_constant: (type: string, value: bigint) =>
    `math between ${type} pointer and ${value} is not allowed`,
  offset_fixed: (type: string, offset: number) => `${type} pointer offset ${offset} is not allowed`,
  offset_unbounded: (type: string) =>
    `math between ${type} pointer and register with unbounded min value is not allowed`,
  offset_out_of_bounds: (type: string, value: bigint) =>
    `value ${value} makes ${type} pointer be out of bounds`,
});
