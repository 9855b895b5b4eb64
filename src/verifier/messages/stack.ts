import { defineMessages } from './message.ts';

/** The program's stack. `access` is ' read from', ' write to' or ' indirect access to'. */
export const stackMessages = defineMessages('stack', {
  corrupts_spill: () => 'attempt to corrupt spilled pointer on stack',
  spill_size: () => 'invalid size of register spill',
  fill_size: () => 'invalid size of register fill',
  foreign_spill: () => 'cannot spill pointers to stack into stack frame of the caller',
  /** The kernel writes no line feed after it. */
  variable_write_over_spill: (insn: number, off: number) =>
    `spilled ptr in range of var-offset stack write; insn ${insn}, ptr off: ${off}`,
  variable_write_uninit: (insn: number, off: number) =>
    `uninit stack in range of var-offset write prohibited for !root; insn ${insn}, off: ${off}`,
  uninit_read: (off: number, i: number, size: number) =>
    `invalid read from stack off ${off}+${i} size ${size}`,
  leaks_pointer: (off: number) => `leaking pointer from stack off ${off}`,
  variable_to_helper: (varOff: string, off: number, size: number) =>
    `variable offset stack pointer cannot be passed into helper function; var_off=${varOff}` +
    ` off=${off} size=${size}`,
  unbounded: (access: string, reg: number) =>
    `invalid unbounded variable-offset${access} stack R${reg}`,
  out_of_bounds: (access: string, reg: number, off: number, size: number) =>
    `invalid${access} stack R${reg} off=${off} size=${size}`,
  variable_out_of_bounds: (
    access: string,
    reg: number,
    varOff: string,
    off: number,
    size: number,
  ) => `invalid variable-offset${access} stack R${reg} var_off=${varOff} off=${off} size=${size}`,
  variable_out_of_bounds_older: (
    access: string,
    reg: number,
    varOff: string,
    _off: number,
    size: number,
  ) => `invalid variable-offset${access} stack R${reg} var_off=${varOff} size=${size}`,
  zero_size: () => 'invalid zero-sized read',
  variable_unprivileged: (reg: number, indirect: string, varOff: string) =>
    `R${reg}${indirect} variable offset stack access prohibited for !root, var_off=${varOff}`,
  dynptr_overwrite: (off: number) => `potential write to dynptr at off=${off} disallowed`,
  uninit_range: (indirect: string, reg: number, off: number, i: number, size: number) =>
    `invalid${indirect} read from stack R${reg} off ${off}+${i} size ${size}`,
  uninit_variable_range: (indirect: string, reg: number, varOff: string, i: number, size: number) =>
    `invalid${indirect} read from stack R${reg} var_off ${varOff}+${i} size ${size}`,
});
