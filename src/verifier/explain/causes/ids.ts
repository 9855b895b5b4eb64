import type { CauseId } from '../cause-ids.ts';

/** What most messages of an area are about; `CODES` has the others. */
const AREAS: Readonly<Record<string, CauseId>> = {
  alu: 'invalid-instruction',
  attach: 'attach-target',
  btf_access: 'struct-access',
  btf_info: 'loader-or-btf',
  call: 'helper-argument-type',
  context: 'context-access',
  dynptr: 'dynptr-or-iterator-protocol',
  extension: 'kfunc-not-allowed',
  finish: 'invalid-instruction',
  flow: 'invalid-instruction',
  graph: 'special-field',
  iter: 'dynptr-or-iterator-protocol',
  jump: 'invalid-instruction',
  kfunc: 'helper-argument-type',
  kfunc_older: 'helper-argument-type',
  load: 'loader-or-btf',
  lock: 'lock-or-section',
  map: 'special-field',
  map_call: 'map-not-compatible',
  mem: 'memory-bounds',
  packet: 'packet-bounds',
  precision: 'verifier-bug',
  prune: 'infinite-loop',
  reference: 'not-owned',
  region: 'lock-or-section',
  return: 'return-range',
  spectre: 'speculation',
  stack: 'stack-index',
  subprog: 'function-contract',
};

/** Codes by cause, where the area does not tell. */
const CODES: Readonly<Partial<Record<CauseId, string>>> = {
  'packet-bounds': 'mem.packet_bounds',
  'scalar-dereference': 'mem.invalid_access',
  'map-value-bounds': 'mem.value_bounds mem.key_bounds load.value_bounds load.value_offset',
  'index-out-of-range': 'mem.min_outside mem.max_outside',
  'index-unbounded': 'mem.unbounded btf_access.variable mem.buffer_variable',
  'uninitialised-register': 'flow.reg_not_readable',
  'null-check-missing':
    'alu.pointer_maybe_null call.possibly_null kfunc.possibly_null subprog.expects_nonnull',
  'negative-length': 'mem.min_negative mem.size_negative',
  'pointer-offset-unbounded': 'alu.offset_unbounded',
  'pointer-offset-too-large': 'alu.offset_constant alu.offset_fixed alu.offset_out_of_bounds',
  'pointer-arithmetic':
    'alu.pointer_type alu.pointer_from_scalar ' +
    'alu.stack_subtraction flow.frame_pointer_read_only',
  'pointer-operator':
    'alu.pointer_prohibited alu.pointer_and_pointer alu.pointer_32 ' +
    'alu.pointer_bitwise alu.pointer_operator ' +
    'alu.sign_extension',
  'helper-argument-type': 'mem.helper_pointer subprog.not_scalar subprog.no_callback_for_map',
  'stack-uninitialised':
    'stack.uninit_read stack.uninit_range stack.uninit_variable_range ' +
    'stack.variable_write_uninit',
  'zero-length': 'mem.size_zero stack.zero_size',
  misaligned: 'mem.misaligned mem.misaligned_packet map.kptr_misaligned',
  'modified-context':
    'mem.modified_pointer mem.variable_pointer mem.negative_offset call.zero_offset ' +
    'call.older_zero_offset',
  'helper-not-available':
    'call.invalid_func call.wrong_program_type call.unknown_func call.gpl_only call.not_in_probe ' +
    'call.packet_access call.trampoline_only call.func_ip_program call.lsm_void_retval',
  'kfunc-not-allowed':
    'kfunc.not_gpl kfunc.not_allowed kfunc.device_bound kfunc.css_task kfunc.no_packet_write ' +
    'kfunc.remove_in_callback extension.kfunc_not_allowed extension.kfunc_not_portable',
  'too-complex':
    'flow.too_large flow.jumps_too_complex flow.async_jumps_too_complex call.loop_limit',
  'infinite-loop': 'flow.back_edge',
  'control-flow':
    'flow.unreachable flow.last_insn flow.jump_leaves_function flow.jump_out_of_program ' +
    'flow.jump_into_wide flow.insn_out_of_program flow.call_destination jump.may_goto',
  'stack-too-deep':
    'subprog.call_stack subprog.call_chain subprog.tail_call_depth subprog.stack_of_one ' +
    'subprog.stack_combined',
  'reference-leak': 'subprog.reference_leak reference.tail_call_leak load.ld_abs_references ',
  'trust-lost': 'kfunc.not_trusted kfunc.not_rcu',
  'dynptr-or-iterator-protocol':
    'stack.dynptr_overwrite reference.unacquired_dynptr call.dynptr_offset ' +
    'kfunc_older.dynptr_not_stack kfunc_older.dynptr_not_initialized kfunc_older.dynptr_kind',
  'lock-or-section':
    'flow.calls_under_lock flow.exit_under_lock flow.exit_under_rcu ' +
    'flow.exit_without_preemption flow.throw_under_lock flow.throw_under_rcu ' +
    'flow.throw_without_preemption call.sleeps_in_rcu call.sleeps_in_preempt ' +
    'subprog.global_with_lock subprog.global_with_preempt load.ld_abs_lock load.ld_abs_rcu ' +
    'load.ld_abs_preempt iter.needs_rcu graph.lock_needed graph.different_allocation',
  'return-range': 'subprog.returns_no_scalar',
  'pointer-leak':
    'mem.leaks_address call.leaks_address return.leaks_address jump.pointer_comparison ' +
    'stack.leaks_pointer alu.partial_copy',
  'function-contract': 'btf_info.return_not_scalar',
  'memory-bounds': 'mem.region_bounds mem.buffer_offset packet.flow_keys packet.socket',
  'length-unbounded': 'mem.size_unbounded kfunc.bad_memory',
  'read-only':
    'mem.no_write mem.key_write packet.no_write map.write_forbidden map.read_forbidden ' +
    'map_call.write_forbidden call.may_write btf_access.read_only btf_access.map_read_only',
  'merged-pointers':
    'mem.different_pointers spectre.paths map_call.no_map finish.tail_call_maps ' +
    'map_call.poisoned',
  'not-owned':
    'kfunc.not_acquired kfunc.not_referenced kfunc.not_refcounted_object kfunc.for_drop ' +
    'kfunc.for_percpu_drop kfunc.not_allocated kfunc.nothing_released dynptr.unowned ' +
    'kfunc.remove_owning kfunc_older.not_referenced',
  'special-field':
    'map_call.no_kptr_in_map ' +
    'kfunc_older.not_map_value kfunc_older.variable_offset kfunc_older.no_kptr ' +
    'kfunc_older.not_double kfunc_older.wrong_kptr ' +
    'map_call.no_btf map_call.variable_offset map_call.no_timer map_call.wrong_offset ' +
    'map_call.different_map map_call.no_kptr map_call.not_at_kptr map_call.unreferenced_kptr ' +
    'lock.none kfunc.other_map kfunc.workqueue_offset kfunc.no_refcount ' +
    'kfunc.not_root_memory btf_access.special_field call.btf_id',
  'map-not-compatible':
    'map.pointer_access load.extension load.extension_hook ' +
    'load.static_key load.static_key_as_map ' +
    'load.no_direct_value call.no_direct_value load.struct_ops_map ' +
    'load.sleepable_map load.tracing_graph load.socket_spin_lock load.tracing_spin_lock ' +
    'load.tracing_timer load.tracing_wq',
  'constant-needed':
    'call.unknown_constant kfunc.not_constant kfunc.buffer_size_unknown ' +
    'call.not_constant_address call.not_readonly_map call.storage_flags ' +
    'dynptr.variable_offset graph.variable_offset',
  'format-string':
    'call.direct_value_failed call.not_terminated call.invalid_format kfunc.not_string',
  'may-not-sleep': 'call.might_sleep kfunc.sleepable kfunc_older.sleepable',
  privilege:
    'flow.calls_need_capabilities load.arena_capability kfunc.destructive ' +
    'kfunc.destructive_older btf_access.not_capable btf_access.map_not_capable',
  speculation: 'stack.variable_unprivileged',
  'invalid-instruction':
    'load.ldx_reserved load.half_ld_imm64 load.unknown_ld_imm64 load.unknown_opcode ' +
    'load.ld_imm load.ld_imm64_reserved load.ld_abs_reserved mem.atomic_size ' +
    'mem.atomic_opcode mem.atomic_target mem.context_store_imm',
  'verifier-limit':
    'flow.too_many_subprograms load.too_many_maps kfunc.too_many kfunc.too_many_args ' +
    'btf_info.too_many_args call.unsupported_arg',
  'verifier-bug':
    'btf_info.verifier_bug btf_info.bug_in_function load.misconfigured map_call.misconfigured ' +
    'map_call.two_maps reference.more_than_one kfunc.two_constants kfunc.two_references ' +
    'kfunc.no_clone_type kfunc.no_clone_reference graph.no_lock call.btf_match_type ' +
    'btf_access.internal_program_btf btf_access.internal_no_reference alu.invariants',
  'loader-or-btf':
    'flow.main_type_invalid flow.many_exception_callbacks flow.exception_callback_missing ' +
    'flow.exception_callback_static flow.exception_callback_first ' +
    'flow.exception_callback_unlisted kfunc.negative_offset kfunc.no_fd_array ' +
    'kfunc.invalid_module_fd kfunc.no_btf kfunc.not_function context.no_btf_id ' +
    'finish.kfunc_missing',
};

const byCode = new Map<string, CauseId>();
for (const [id, codes] of Object.entries(CODES)) {
  for (const code of codes.split(' ')) byCode.set(code, id as CauseId);
}

/** Which kind of mistake the message with this code tells of, if its words alone decide. */
export function causeIdOf(code: string): CauseId {
  return byCode.get(code) ?? AREAS[code.slice(0, code.indexOf('.'))] ?? 'other';
}
