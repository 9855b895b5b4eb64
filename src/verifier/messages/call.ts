import { defineMessages } from './message.ts';

/** What calls of helpers say: which may be called, what their arguments must be. */
export const callMessages = defineMessages('call', {
  invalid_func: (name: string, id: number) => `invalid func ${name}#${id}`,
  unknown_func: (name: string, id: number) => `unknown func ${name}#${id}`,
  wrong_program_type: (name: string, id: number) =>
    `program of this type cannot use helper ${name}#${id}`,
  gpl_only: () => 'cannot call GPL-restricted function from non-GPL compatible program',
  not_in_probe: () => 'helper call is not allowed in probe',
  might_sleep: () => 'helper call might sleep in a non-sleepable prog',
  sleeps_in_rcu: (name: string, id: number) =>
    `sleepable helper ${name}#${id} in rcu_read_lock region`,
  sleeps_in_preempt: (name: string, id: number) =>
    `sleepable helper ${name}#${id} in non-preemptible region`,
  leaks_address: (regno: number) => `R${regno} leaks addr into helper function`,
  packet_access: () => 'helper access to the packet is not allowed',
  reg_type: (regno: number, type: string, expected: readonly string[]) =>
    `R${regno} type=${type} expected=${expected.join(', ')}`,
  unsupported_arg: (type: number) => `verifier internal error: unsupported arg type ${type}`,
  btf_match_type: () => 'verifier internal error: invalid PTR_TO_BTF_ID register for type match',
  may_write: (helper: string, regno: number, type: string) =>
    `${helper}() may write into memory pointed by R${regno} type=${type}`,
  possibly_null: (regno: number) => `Possibly NULL pointer passed to helper arg${regno}`,
  btf_type: (regno: number, type: string, expected: string) =>
    `R${regno} is of type ${type} but ${expected} is expected`,
  dynptr_offset: () => 'cannot pass in dynptr at an offset',
  older_zero_offset: (reg: number) => `R${reg} must have zero offset when passed to release func`,
  zero_offset: (regno: number) =>
    `R${regno} must have zero offset when passed to release func or trusted arg to kfunc`,
  btf_id: (regno: number) => `Helper has invalid btf_id in R${regno}`,
  percpu_btf_id: () => 'Helper has invalid btf/btf_id in R1',
  unknown_constant: (regno: number) => `R${regno} is not a known constant'`,
  not_readonly_map: (regno: number) => `R${regno} does not point to a readonly map'`,
  not_constant_address: (regno: number) => `R${regno} is not a constant address'`,
  no_direct_value: () => 'no direct value access support for this map type',
  direct_value_failed: () => 'direct value access on string failed',
  not_terminated: () => 'string is not zero-terminated',
  invalid_format: () => 'Invalid format string',
  storage_flags: () => "get_local_storage() doesn't support non-zero flags",
  loop_limit: (frame: number) => `frame${frame} bpf_loop iteration limit reached`,
  lsm_void_retval: () => "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
  unresolved_size: (name: string, errno: number) =>
    `unable to resolve the size of type '${name}': ${errno}`,
  return_btf_id: (type: number, name: string, id: number) =>
    `invalid return type ${type} of func ${name}#${id}`,
  trampoline_only: (name: string, id: number) =>
    `func ${name}#${id} supported only for fentry/fexit/fmod_ret programs`,
  func_ip_program: (name: string, id: number, programType: number) =>
    `func ${name}#${id} not supported for program type ${programType}`,
});

/** What calls say about references. */
export const referenceMessages = defineMessages('reference', {
  must_be_referenced: (regno: number) =>
    `R${regno} must be referenced when passed to release function`,
  unacquired_dynptr: (regno: number) => `arg ${regno} is an unacquired reference`,
  more_than_one: (regno: number, id: number, other: number) =>
    'verifier internal error: more than one arg with ref_obj_id ' +
    `R${regno} ${id >>> 0} ${other >>> 0}`,
  not_acquired: (name: string, id: number) =>
    `func ${name}#${id} reference has not been acquired before`,
  tail_call_leak: () => 'tail_call would lead to reference leak',
});

/** What calls say about maps. */
export const mapCallMessages = defineMessages('map_call', {
  incompatible: (mapType: number, name: string, id: number) =>
    `cannot pass map_type ${mapType} into func ${name}#${id}`,
  write_forbidden: () => 'write into map forbidden',
  sockmap_context: () => 'cannot update sockmap in this context',
  sockmap_value: () => 'invalid arg_type for sockmap/sockhash',
  misconfigured: () => 'kernel subsystem misconfigured verifier',
  no_map: (use: 'type' | 'key' | 'value') => `invalid map_ptr to access map->${use}`,
  different_map: (uid: number, other: number) =>
    `timer pointer in R1 map_uid=${uid} doesn't match map pointer in R2 map_uid=${other}`,
  no_btf: (map: string, field: string) => `map '${map}' has to have BTF in order to use ${field}`,
  variable_offset: (regno: number, field: string) =>
    `R${regno} doesn't have constant offset. ${field} has to be at the constant offset`,
  no_timer: (map: string) => `map '${map}' has no valid bpf_timer`,
  wrong_offset: (offset: number, field: string, expected: number) =>
    `off ${offset} doesn't point to 'struct ${field}' that is at ${expected}`,
  two_maps: () => 'verifier bug. Two map pointers in a timer helper',
  poisoned: () => 'tail_call abusing map_ptr',
  no_kptr_in_map: (map: string) => `map '${map}' has no valid kptr`,
  no_kptr: (regno: number) => `R${regno} has no valid kptr`,
  not_at_kptr: (offset: number) => `off=${offset} doesn't point to kptr`,
  unreferenced_kptr: (offset: number) => `off=${offset} kptr isn't referenced kptr`,
});
