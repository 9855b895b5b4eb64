import { defineMessages } from './message.ts';

/** Words about func_info, line_info and the prototypes of functions. */
export const btfInfo = defineMessages('btf_info', {
  ld_abs_without_btf: () => 'LD_ABS is not allowed in subprogs without BTF',
  tail_call_without_btf: () => 'tail_call is not allowed in subprogs without BTF',
  ld_abs_return: () => "LD_ABS is only allowed in functions that return 'int'.",
  tail_call_return: () => "tail_call is only allowed in functions that return 'int'.",
  first_function: (insn: number) => `nonzero insn_off ${insn} for the first func info record`,
  function_order: (insn: number, before: number) =>
    `same or smaller insn offset (${insn}) than previous func info record (${before})`,
  function_type: (id: number) => `invalid type id ${id} in func info`,
  function_count: () => "number of funcs in func_info doesn't match number of subprogs",
  function_layout: () => "func_info BTF section doesn't match subprog layout in BPF program",
  line_insn: (index: number, insn: number, before: number, length: number) =>
    `Invalid line_info[${index}].insn_off:${insn} (prev_offset:${before} prog->len:${length})`,
  line_code: (index: number) => `Invalid insn code at line_info[${index}].insn_off`,
  line_missing: (subprog: number) => `missing bpf_line_info for func#${subprog}`,
  lines_missing: (count: number, first: number) =>
    `missing bpf_line_info for ${count} funcs starting from func#${first}`,

  verifier_bug: () => 'Verifier bug',
  bug_in_function: (name: string) => `Verifier bug in function ${name}()`,
  global_without_btf: () => 'Global functions need valid BTF',
  too_many_args: (name: string, count: number, most: number) =>
    `Global function ${name}() with ${count} > ${most} args. Buggy compiler.`,
  return_not_scalar: (name: string) =>
    `Global function ${name}() doesn't return scalar. Only those are supported.`,
  tag_in_static: (arg: number) => `arg#${arg} type tag is not supported in static functions`,
  tag_unknown: (arg: number) => `arg#${arg} has unsupported set of tags`,
  tag_combination: (arg: number) => `arg#${arg} has invalid combination of tags`,
  tag_arena: (arg: number) => `arg#${arg} arena cannot be combined with any other tags`,
  tag_not_pointer: (arg: number) => `arg#${arg} has pointer tag, but is not a pointer type`,
  arg_size: (arg: number, kind: string, name: string) =>
    `arg#${arg} reference type('${kind} ${name}') size cannot be determined: -22`,
  arg_candidates: (arg: number, kind: string, name: string, why: string) =>
    `arg#${arg} reference type('${kind} ${name}') ${why}`,
  arg_type: (arg: number, kind: string, name: string) =>
    `Arg#${arg} type ${kind} in ${name}() is not supported yet.`,
  ctx_not_pointer: (arg: number) => `arg#${arg} type isn't a pointer`,
  ctx_without_name: (arg: number) => `arg#${arg} type doesn't have a name`,
  ctx_void: (arg: number) => `arg#${arg} should be void pointer`,
  ctx_struct: (arg: number, name: string) => `arg#${arg} should be \`struct ${name} *\``,
});
