import { defineMessages } from './message.ts';

/** Words of the passes before the walk that look at single instructions and at maps. */
export const load = defineMessages('load', {
  ldx_reserved: () => 'BPF_LDX uses reserved fields',
  half_ld_imm64: () => 'invalid bpf_ld_imm64 insn',
  unknown_ld_imm64: () => 'unrecognized bpf_ld_imm64 insn',
  unknown_opcode: (op: number) => `unknown opcode ${op.toString(16).padStart(2, '0')}`,
  no_fd_array: () => 'fd_idx without fd_array is invalid',
  no_map: (fd: number) => `fd ${fd} is not pointing to valid bpf_map`,
  extension: (map: string, type: string) =>
    `map '${map}' has type ${type}, which Linux does not have (an extension of beeyard)`,
  extension_hook: (program: string, hook: string) =>
    `program '${program}' is for hook ${hook}, which Linux does not have (an extension of beeyard)`,
  static_branch: (problem: string) => `bad table of static branches: ${problem}`,
  static_key: (map: string) => `map '${map}' is no static key`,
  static_key_as_map: (map: string) => `map '${map}' is a static key and cannot be used as a map`,
  too_many_maps: (limit: number) =>
    `The total number of maps per program has reached the limit of ${limit}`,
  value_offset: (offset: number) => `direct value offset of ${offset} is not allowed`,
  no_direct_value: () => 'no direct value access support for this map type',
  value_bounds: (size: number, offset: number) =>
    `invalid access to map value pointer, value_size=${size} off=${offset}`,
  cgroup_storage_twice: () => 'only one cgroup storage of each type is allowed',
  arena_twice: () => 'Only one arena per program',
  arena_capability: () => 'CAP_BPF and CAP_PERFMON are required to use arena',
  symbol_id: (id: number) => `ldimm64 insn specifies invalid btf_id ${id}.`,
  symbol_kind: (id: number) => `pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`,
  symbol_no_variable: (id: number) => `pseudo btf_id ${id} in ldimm64 isn't KIND_VAR.`,
  symbol_btf: () => 'invalid module BTF object FD specified.',
  symbol_size: (name: string) => `ldimm64 unable to resolve the size of type '${name}': -22`,
  tracing_graph: () => 'tracing progs cannot use bpf_{list_head,rb_root} yet',
  socket_spin_lock: () => 'socket filter progs cannot use bpf_spin_lock yet',
  tracing_spin_lock: () => 'tracing progs cannot use bpf_spin_lock yet',
  tracing_timer: () => 'tracing progs cannot use bpf_timer yet',
  tracing_wq: () => 'tracing progs cannot use bpf_wq yet',
  struct_ops_map: () => 'bpf_struct_ops map cannot be used in prog',
  sleepable_map: () =>
    'Sleepable programs can only use array, hash, ringbuf and local storage maps',
  ld_imm: () => 'invalid BPF_LD_IMM insn',
  ld_imm64_reserved: () => 'BPF_LD_IMM64 uses reserved fields',
  misconfigured: () => 'bpf verifier is misconfigured',
  callback_without_info: () => 'missing btf func_info',
  callback_not_static: () => 'callback function not static',
  callback_is_main: () => 'callback function cannot be the main program',
  ld_abs_type: () => 'BPF_LD_[ABS|IND] instructions not allowed for this program type',
  ld_abs_callback: () => 'cannot use BPF_LD_[ABS|IND] within callback',
  ld_abs_reserved: () => 'BPF_LD_[ABS|IND] uses reserved fields',
  ld_abs_references: () => 'BPF_LD_[ABS|IND] cannot be mixed with socket references',
  ld_abs_lock: () => 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region',
  ld_abs_rcu: () => 'BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region',
  ld_abs_preempt: () => 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region',
  ld_abs_context: () => 'at the time of BPF_LD_ABS|IND R6 != pointer to skb',
});
