import { defineMessages } from './message.ts';

/** Loads, stores and regions of memory whose size is known. */
export const memMessages = defineMessages('mem', {
  invalid_access: (reg: number, type: string) => `R${reg} invalid mem access '${type}'`,
  no_write: (reg: number, type: string) => `R${reg} cannot write into ${type}`,
  key_write: (reg: number) => `write to change key R${reg} not allowed`,
  leaks_address: (reg: number, into: string) => `R${reg} leaks addr into ${into}`,
  min_negative: (reg: number) =>
    `R${reg} min value is negative, either use unsigned index or do a if (index >=0) check.`,
  min_outside: (reg: number) => `R${reg} min value is outside of the allowed memory range`,
  max_outside: (reg: number) => `R${reg} max value is outside of the allowed memory range`,
  unbounded: (reg: number) =>
    `R${reg} unbounded memory access, make sure to bounds check any such access`,
  key_bounds: (keySize: number, off: number, size: number) =>
    `invalid access to map key, key_size=${keySize} off=${off} size=${size}`,
  value_bounds: (valueSize: number, off: number, size: number) =>
    `invalid access to map value, value_size=${valueSize} off=${off} size=${size}`,
  packet_bounds: (off: number, size: number, reg: number, id: number, range: number) =>
    `invalid access to packet, off=${off} size=${size}, R${reg}(id=${id},off=${off},r=${range})`,
  region_bounds: (memSize: number, off: number, size: number) =>
    `invalid access to memory, mem_size=${memSize} off=${off} size=${size}`,
  negative_offset: (type: string, reg: number, off: number) =>
    `negative offset ${type} ptr R${reg} off=${off} disallowed`,
  modified_pointer: (type: string, reg: number, off: number) =>
    `dereference of modified ${type} ptr R${reg} off=${off} disallowed`,
  variable_pointer: (type: string, varOff: string) =>
    `variable ${type} access var_off=${varOff} disallowed`,
  misaligned: (what: string, varOff: string, regOff: number, off: number, size: number) =>
    `misaligned ${what}access off ${varOff}+${regOff}+${off} size ${size}`,
  misaligned_packet: (align: number, varOff: string, regOff: number, off: number, size: number) =>
    `misaligned packet access off ${align}+${varOff}+${regOff}+${off} size ${size}`,
  buffer_offset: (reg: number, kind: string, off: number, size: number) =>
    `R${reg} invalid ${kind} buffer access: off=${off}, size=${size}`,
  buffer_variable: (reg: number, off: number, varOff: string) =>
    `R${reg} invalid variable buffer offset: off=${off}, var_off=${varOff}`,
  different_pointers: () => 'same insn cannot be used with different pointers',
  atomic_size: () => 'invalid atomic operand size',
  context_store_imm: (reg: number, type: string) =>
    `BPF_ST stores into R${reg} ${type} is not allowed`,
  atomic_target: (reg: number, type: string) =>
    `BPF_ATOMIC stores into R${reg} ${type} is not allowed`,
  atomic_opcode: (imm: number) =>
    `BPF_ATOMIC uses invalid atomic opcode ${(imm >>> 0).toString(16).padStart(2, '0')}`,
  helper_pointer: (reg: number, type: string, expected: string) =>
    `R${reg} type=${type} expected=${expected}`,
  size_negative: (reg: number) =>
    `R${reg} min value is negative, either use unsigned or 'var &= const'`,
  size_zero: (reg: number, min: string, max: string) =>
    `R${reg} invalid zero-sized read: u64=[${min},${max}]`,
  size_unbounded: (reg: number) =>
    `R${reg} unbounded memory access, use 'var &= const' or 'if (var < const)'`,
});
