import { defineMessages } from './message.ts';

/** Words about what a program attaches to. */
export const attach = defineMessages('attach', {
  syscall_not_sleepable: () => 'Syscall programs can only be sleepable',
  cannot_sleep: () =>
    'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
  no_btf_id: () => 'Tracing programs must provide btf_id',
  target_without_btf: () =>
    'FENTRY/FEXIT program can only be attached to another program annotated with BTF',
  invalid_id: (id: number) => `attach_btf_id ${id} is invalid`,
  no_name: (id: number) => `attach_btf_id ${id} doesn't have a name`,
  no_subprog: (name: string) => `Subprog ${name} doesn't exist`,
  exception_callback: (kind: string) => `${kind} programs cannot attach to exception callback`,
  replaces_static: () => 'Cannot replace static functions',
  changes_packet: () => 'Extension program changes packet data, while original does not',
  nested_tracing: () => 'Cannot nest tracing program attach more than once',
  recursive: () => 'Cannot recursively attach',
  extends_tracing: () => 'Cannot extend fentry/fexit',
  replaces_kernel: () => 'Cannot replace kernel functions',
  raw_tracepoint_of_program: () => 'Only FENTRY/FEXIT progs are attachable to another BPF prog',
  not_typedef: (id: number) => `attach_btf_id ${id} is not a typedef`,
  wrong_name: (id: number, name: string) => `attach_btf_id ${id} points to wrong type name ${name}`,
  not_function: (id: number) => `attach_btf_id ${id} is not a function`,
  disabled_hook: (id: number, name: string) =>
    `attach_btf_id ${id} points to disabled hook ${name}`,
  too_many_args: (name: string, count: number) =>
    `The function ${name} has ${count} arguments. Too many.`,
  return_type: (name: string, kind: string) =>
    `The function ${name} return type ${kind} is unsupported.`,
  variable_args: (name: string) => `The function ${name} with variable args is unsupported.`,
  arg_type: (name: string, index: number, kind: string) =>
    `The function ${name} arg${index} type ${kind} is unsupported.`,
  void_arg: (name: string) => `The function ${name} has malformed void argument.`,
  large_return: (name: string) =>
    `Attach to function ${name} with a >8 byte return value is not supported for this attach type`,
  not_sleepable: (name: string) => `${name} is not sleepable`,
  modifies_program: () => "can't modify return codes of BPF programs",
  not_modifiable: (name: string) => `${name}() is not modifiable`,
  no_return: () => 'Attaching fexit/fmod_ret to __noreturn functions is rejected.',
  lsm_license: () => 'LSM programs must have a GPL compatible license',

  struct_ops_license: () => 'struct ops programs must have a GPL compatible license',
  struct_ops_id: (id: number) => `attach_btf_id ${id} is not a supported struct`,
  struct_ops_index: (index: number, name: string) =>
    `attach to invalid member idx ${index} of struct ${name}`,
  struct_ops_member: (member: string, index: number, name: string) =>
    `attach to invalid member ${member}(@idx ${index}) of struct ${name}`,
  struct_ops_unsupported: (member: string, name: string) =>
    `attach to unsupported member ${member} of struct ${name}`,

  extension_without_btf: () => 'Program extension requires BTF',
  not_global: (name: string) => `${name}() is not a global function`,
  arg_counts: (a: string, aCount: number, b: string, bCount: number) =>
    `${a}() has ${aCount} args while ${b}() has ${bCount} args`,
  return_types: (aType: string, a: string, bType: string, b: string) =>
    `Return type ${aType} of ${a}() doesn't match type ${bType} of ${b}()`,
  arg_kinds: (index: number, a: string, aType: string, b: string, bType: string) =>
    `arg${index} in ${a}() is ${aType} while ${b}() has ${bType}`,
  arg_sizes: (index: number, a: string, aSize: number, b: string, bSize: number) =>
    `arg${index} in ${a}() has size ${aSize} while ${b}() has ${bSize}`,
  arg_unknown: (index: number, name: string) => `arg${index} in ${name}() has unrecognized type`,
  arg_no_context: (index: number, name: string) =>
    `arg${index} in ${name}() is not a pointer to context`,
  arg_structs: (index: number, a: string, aName: string, b: string, bName: string) =>
    `arg${index} ${a}(struct ${aName} *) doesn't match ${b}(struct ${bName} *)`,
});
