import { defineMessages } from './message.ts';

/** Calls of kernel functions: which may be called, what their arguments must be. */
export const kfuncMessages = defineMessages('kfunc', {
  not_gpl: () => 'cannot call kernel function from non-GPL compatible program',
  negative_offset: () => 'negative offset disallowed for kernel module function call',
  no_fd_array: () => 'kfunc offset > 0 without fd_array is invalid',
  invalid_module_fd: () => 'invalid module BTF fd specified',
  no_btf: () => 'failed to find BTF for kernel function',
  too_many: () => 'too many different kernel function calls',
  not_function: (id: number) => `kernel btf_id ${id >>> 0} is not a function`,
  not_allowed: (name: string) => `calling kernel function ${name} is not allowed`,
  device_bound: () => 'metadata kfuncs require device-bound program',
  destructive: () => 'destructive kfunc calls require CAP_SYS_BOOT capability',
  destructive_older: () => 'destructive kfunc calls require CAP_SYS_BOOT capabilities',
  sleepable: (name: string) => `program must be sleepable to call sleepable kfunc ${name}`,
  callback_failed: (name: string, id: number) => `kfunc ${name}#${id} failed callback verification`,
  not_acquired: (name: string, id: number) =>
    `kfunc ${name}#${id} reference has not been acquired before`,
  conversion_failed: (name: string, id: number) =>
    `kfunc ${name}#${id} conversion of owning ref to non-owning failed`,
  too_many_args: (name: string, count: number, most: number) =>
    `Function ${name} has ${count} > ${most} args`,
  not_scalar: (reg: number) => `R${reg} is not a scalar`,
  two_constants: () => 'verifier internal error: only one constant argument permitted',
  not_constant: (reg: number) => `R${reg} must be a known constant`,
  two_buffer_sizes: () => '2 or more rdonly/rdwr_buf_size parameters for kfunc',
  buffer_size_unknown: (reg: number) => `R${reg} is not a const`,
  buffer_size_large: (reg: number) => `R${reg} rdonly/rdwr_buf_size exceeds u32 max`,
  argument_kind: (arg: number, kind: string) => `Unrecognized arg#${arg} type ${kind}`,
  possibly_null: (arg: number) => `Possibly NULL pointer passed to trusted arg${arg}`,
  two_references: (reg: number, id: number, other: number) =>
    `verifier internal error: more than one arg with ref_obj_id R${reg} ${id} ${other}`,
  not_map: (reg: number) => `pointer in R${reg} isn't map pointer`,
  other_map: (uid: number, other: number) =>
    `workqueue pointer in R1 map_uid=${uid} doesn't match map pointer in R2 map_uid=${other}`,
  not_trusted: (reg: number) => `R${reg} must be referenced or trusted`,
  not_rcu: (reg: number) => `R${reg} must be a rcu pointer`,
  not_context: (arg: number, type: string) => `arg#${arg} expected pointer to ctx, but got ${type}`,
  for_drop: (arg: number) => `arg#${arg} expected for bpf_obj_drop_impl()`,
  for_percpu_drop: (arg: number) => `arg#${arg} expected for bpf_percpu_obj_drop_impl()`,
  not_allocated: (arg: number) => `arg#${arg} expected pointer to allocated object`,
  not_referenced: () => 'allocated object must be referenced',
  no_clone_type: () => 'verifier internal error: no dynptr type for parent of clone',
  no_clone_reference: () => 'verifier internal error: missing ref obj id for parent of clone',
  css_task: () => 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs',
  not_root_memory: (arg: number) => `arg#${arg} expected pointer to map value or allocated object`,
  remove_owning: () => 'rbtree_remove node input must be non-owning ref',
  remove_in_callback: () => 'rbtree_remove not allowed in rbtree cb',
  not_btf_pointer: (arg: number, type: string, expected: string) =>
    `arg#${arg} is ${type} expected ${expected} or socket`,
  unsupported_pointer: (func: string, arg: number, kind: string, name: string) =>
    `kernel function ${func} args#${arg} pointer type ${kind} ${name} is not supported`,
  not_scalar_struct: (arg: number, kind: string, name: string, orVoid: boolean) =>
    `arg#${arg} pointer type ${kind} ${name} must point to ` +
    `${orVoid ? 'void, ' : ''}scalar, or struct with scalar`,
  struct_nesting: () => 'max struct nesting depth exceeded',
  wrong_struct: (
    func: string,
    arg: number,
    kind: string,
    name: string,
    found: string,
    foundName: string,
  ) =>
    `kernel function ${func} args#${arg} expected pointer to ${kind} ${name} but ` +
    `R${arg + 1} has a pointer to ${found} ${foundName}`,
  no_size: (arg: number, kind: string, name: string) =>
    `arg#${arg} reference type('${kind} ${name}') size cannot be determined: -22`,
  bad_memory: (arg: number) =>
    `arg#${arg} arg#${arg + 1} memory, len pair leads to invalid memory access`,
  not_function_pointer: (arg: number) => `arg${arg} expected pointer to func`,
  not_refcounted_object: (arg: number) => `arg#${arg} is neither owning or non-owning ref`,
  no_refcount: (arg: number) => `arg#${arg} doesn't point to a type with bpf_refcount field`,
  not_string: (arg: number) => `arg#${arg} doesn't point to a const string`,
  not_map_value: (arg: number) => `arg#${arg} doesn't point to a map value`,
  workqueue_offset: (offset: number, expected: number) =>
    `off ${offset} doesn't point to 'struct bpf_wq' that is at ${expected}`,
  nothing_released: (name: string) =>
    `release kernel function ${name} expects refcounted PTR_TO_BTF_ID`,
  returns_no_object: () => 'acquire kernel function does not return PTR_TO_BTF_ID',
  type_id_range: () => 'local type ID argument must be in range [0, U32_MAX]',
  no_program_btf: () => 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF',
  type_id_struct: () => 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct',
  percpu_size: (size: number, most: number) =>
    `bpf_percpu_obj_new type size (${size}) is greater than ${most}`,
  percpu_scalars: () => 'bpf_percpu_obj_new type ID argument must be of a struct of scalars',
  percpu_fields: () => 'bpf_percpu_obj_new type ID argument must not contain special fields',
  cast_struct: () => 'kfunc bpf_rdonly_cast type ID argument must be of a struct',
  context_struct: (id: number) => `kern ctx type id ${id} is not a struct`,
  no_packet_write: () => 'the prog does not allow writes to packet data',
  pointer_result: (name: string, kind: string, type: string) =>
    `kernel function ${name} returns pointer type ${kind} ${type} is not supported`,
});

/** Iterators on the stack. */
export const iterMessages = defineMessages('iter', {
  not_on_stack: (arg: number) => `arg#${arg} expected pointer to an iterator on stack`,
  invalid: (arg: number) => `expected valid iter pointer as arg #${arg}`,
  initialized: (type: string, arg: number) => `expected uninitialized iter_${type} as arg #${arg}`,
  uninitialized: (type: string, arg: number) =>
    `expected an initialized iter_${type} as arg #${arg}`,
  needs_rcu: (name: string) => `expected an RCU CS when using ${name}`,
});

/** Lists and trees. */
export const graphMessages = defineMessages('graph', {
  no_lock: () => 'verifier internal error: ref_set_non_owning w/o active lock',
  different_allocation: () => 'held lock and object are not in the same allocation',
  variable_offset: (reg: number, field: string) =>
    `R${reg} doesn't have constant offset. ${field} has to be at the constant offset`,
  not_found: (field: string, offset: number) => `${field} not found at offset=${offset >>> 0}`,
  lock_needed: (lockOffset: number, field: string) =>
    `bpf_spin_lock at off=${lockOffset} must be held for ${field}`,
  wrong_node: (
    root: string,
    node: string,
    nodeOffset: number,
    type: string,
    offset: number,
    found: string,
  ) =>
    `operation on ${root} expects arg#1 ${node} at offset=${nodeOffset} in struct ${type}, ` +
    `but arg is at offset=${offset} in struct ${found}`,
  wrong_offset: (offset: number, node: string, expected: number, type: string) =>
    `arg#1 offset=${offset}, but expected ${node} at offset=${expected} in struct ${type}`,
});

/** RCU and preemption. */
export const regionMessages = defineMessages('region', {
  rcu_in_rbtree_callback: () => 'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback',
  nested_rcu: (name: string) => `nested rcu read lock (kernel function ${name})`,
  sleeps_in_rcu: (name: string) => `kernel func ${name} is sleepable within rcu_read_lock region`,
  unmatched_rcu: (name: string) => `unmatched rcu read unlock (kernel function ${name})`,
  sleeps_in_preempt: (name: string) =>
    `kernel func ${name} is sleepable within non-preemptible region`,
  unmatched_preempt: (name: string) =>
    `unmatched attempt to enable preemption (kernel function ${name})`,
});
