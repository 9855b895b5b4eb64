import { defineMessages } from './message.ts';

/** What dynptrs say, and iterators where they share the stack's rules. */
export const dynptrMessages = defineMessages('dynptr', {
  variable_offset: (object: string) => `${object} has to be at a constant offset`,
  wrong_offset: (object: string, offset: number) =>
    `cannot pass in ${object} at an offset=${offset}`,
  overwrites_referenced: () => 'cannot overwrite referenced dynptr',
  stack_pointer: (arg: number) => `arg#${arg} expected pointer to stack or const struct bpf_dynptr`,
  uninitialized: () => 'Dynptr has to be an uninitialized dynptr',
  mutates_const: () => 'cannot pass pointer to const bpf_dynptr, the helper mutates it',
  initialized: (arg: number) => `Expected an initialized dynptr as arg #${arg}`,
  wrong_type: (type: string, arg: number) => `Expected a dynptr of type ${type} as arg #${arg}`,
  unowned: () => 'cannot release unowned const bpf_dynptr',
  data: (type: string) => `Unsupported reg type ${type} for bpf_dynptr_from_mem data`,
});
