import { defineMessages } from './message.ts';

/** Words about calls of kernel functions that newer kernels say otherwise, or not at all. */
export const olderKfunc = defineMessages('kfunc_older', {
  sleepable: (name: string) => `kernel function ${name} is sleepable but the program is not`,
  not_referenced: (reg: number) => `R${reg} must be referenced`,
  not_map_value: () => 'arg#0 expected pointer to map value',
  variable_offset: () => 'arg#0 must have constant offset',
  no_kptr: (offset: number) => `arg#0 no referenced kptr at map value offset=${offset}`,
  not_double: () => 'arg#0 BTF type must be a double pointer',
  wrong_kptr: (func: string, kind: string, name: string) =>
    `kernel function ${func} args#0 expected pointer to ${kind} ${name}`,
  dynptr_not_initialized: (arg: number, kind: string, name: string) =>
    `arg#${arg} pointer type ${kind} ${name} must be valid and initialized`,
  dynptr_kind: (arg: number, kind: string, name: string) =>
    `arg#${arg} pointer type ${kind} ${name} points to unsupported dynamic pointer type`,
  dynptr_not_stack: (arg: number, kind: string, name: string) =>
    `arg#${arg} pointer type ${kind} ${name} not to stack`,
});
