import { defineMessages } from './message.ts';

/** The context, of fixed layout or described by the target's BTF. */
export const contextMessages = defineMessages('context', {
  invalid_access: (off: number, size: number) =>
    `invalid bpf_context access off=${off} size=${size}`,
  unaligned_argument: (func: string, off: number) =>
    `func '${func}' offset ${off} is not multiple of 8`,
  no_argument: (func: string, n: number) => `func '${func}' doesn't have ${n}-th argument`,
  fmod_ret_type: (kind: string) => `ret type ${kind} not allowed for fmod_ret`,
  not_pointer: (func: string, arg: number, name: string, kind: string) =>
    `func '${func}' arg${arg} '${name}' has type ${kind}. Only pointer access is allowed`,
  argument_size: (func: string, size: number) => `func '${func}' size ${size} must be 8`,
  no_btf_id: (off: number) => `invalid btf_id for context argument offset ${off}`,
  not_struct: (func: string, arg: number, kind: string) =>
    `func '${func}' arg${arg} type ${kind} is not a struct`,
  argument: (func: string, arg: number, id: number, kind: string, name: string) =>
    `func '${func}' arg${arg} has btf_id ${id} type ${kind} '${name}'`,
  /** The kernel writes no line feed after it. */
  may_be_error: (arg: number) => `marking pointer arg${arg} as scalar as it may encode error`,
});
