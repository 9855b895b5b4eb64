import { ASSEMBLY, KERNEL_BUG, NEWER_COMPILER, type PlainCauses } from './words.ts';

const OTHER_TARGET = 'Attach to another function; `bpftool btf dump` shows the prototypes.';
const SAME_PROTOTYPE = 'Give the extension exactly the prototype of what it replaces.';
const GPL = '`char LICENSE[] SEC("license") = "GPL";` if that is your licence.';
const OTHER_PROGRAM = 'Use a program type that may, or leave that map out.';

/** Causes about what a program attaches to. */
export const plainAttach: PlainCauses = {
  'attach.syscall_not_sleepable': ['Syscall programs sleep.', 'Load with BPF_F_SLEEPABLE.'],
  'attach.cannot_sleep': [
    'Programs of this type cannot be sleepable.',
    'Take the `.s` of the section name away.',
  ],
  'attach.no_btf_id': [
    'It is not said which function of the kernel the program attaches to.',
    'Name it in the section: SEC("fentry/function").',
  ],
  'attach.target_without_btf': [
    'The program to attach to has no type information.',
    'Compile that one with `-g`.',
  ],
  'attach.invalid_id': ['There is no type {0} to attach to.', 'Load on the kernel it is for.'],
  'attach.no_name': ['Type {0} has no name to attach to.', OTHER_TARGET],
  'attach.no_subprog': ["The program has no function '{0}'.", OTHER_TARGET],
  'attach.exception_callback': ['{0} programs cannot attach to exception callbacks.', OTHER_TARGET],
  'attach.replaces_static': [
    'The function to replace is static.',
    'Make it global (`__noinline`, not static) in the program to be extended.',
  ],
  'attach.changes_packet': [
    'The extension changes packet data, while the function it replaces does not.',
    'Let the replaced function call a helper that changes the packet, or do not.',
  ],
  'attach.nested_tracing': ['Programs that trace programs nest once only.', OTHER_TARGET],
  'attach.recursive': ['The program would attach to its own kind.', OTHER_TARGET],
  'attach.extends_tracing': ['fentry and fexit programs cannot be replaced.', OTHER_TARGET],
  'attach.replaces_kernel': ['Functions of the kernel cannot be replaced.', 'Name a BPF program.'],
  'attach.raw_tracepoint_of_program': [
    'Only fentry and fexit programs attach to BPF programs.',
    'Change the section.',
  ],
  'attach.not_typedef': ['Type {0} is no raw tracepoint.', 'Name a tracepoint: SEC("tp_btf/…").'],
  'attach.wrong_name': ["'{1}' is no raw tracepoint.", 'Name a tracepoint: SEC("tp_btf/…").'],
  'attach.not_function': ['Type {0} is no function.', OTHER_TARGET],
  'attach.disabled_hook': ['The LSM hook {1} is disabled for BPF.', 'Use another hook.'],
  'attach.too_many_args': ['{0}() has {1} arguments: too many to attach to.', OTHER_TARGET],
  'attach.return_type': ['{0}() returns {1}, which cannot be traced.', OTHER_TARGET],
  'attach.variable_args': ['{0}() takes a variable number of arguments.', OTHER_TARGET],
  'attach.arg_type': ['Argument {1+1} of {0}() is {2}, which cannot be traced.', OTHER_TARGET],
  'attach.void_arg': ['{0}() has an argument of type void.', OTHER_TARGET],
  'attach.large_return': ['{0}() returns more than 8 bytes.', OTHER_TARGET],
  'attach.not_sleepable': [
    '{0}() may be called where sleeping is not possible.',
    'Take the `.s` of the section name away, or attach elsewhere.',
  ],
  'attach.modifies_program': ['Return values of BPF programs cannot be changed.', 'Use freplace.'],
  'attach.not_modifiable': [
    'The return value of {0}() may not be changed.',
    'fmod_ret takes functions marked for error injection and security hooks only.',
  ],
  'attach.no_return': ['The function never returns.', 'Use fentry.'],
  'attach.lsm_license': ['LSM programs need a GPL-compatible licence.', GPL],
  'attach.struct_ops_license': ['struct_ops programs need a GPL-compatible licence.', GPL],
  'attach.struct_ops_id': [
    'Type {0} is no struct of operations this kernel takes.',
    'Check the kernel version and configuration.',
  ],
  'attach.struct_ops_index': ['struct {1} has no member {0}.', 'Compare with the kernel.'],
  'attach.struct_ops_member': ["'{0}' of struct {2} is no function.", 'Compare with the kernel.'],
  'attach.struct_ops_unsupported': [
    "Programs cannot implement '{0}' of struct {1}.",
    'Leave that member out.',
  ],
  'attach.extension_without_btf': ['Extensions need type information.', 'Compile with `-g`.'],
  'attach.not_global': ['{0}() is static: it cannot be replaced.', 'Make it global.'],
  'attach.arg_counts': ['{0}() has {1} arguments, {2}() has {3}.', SAME_PROTOTYPE],
  'attach.return_types': ['{1}() returns {0}, {3}() returns {2}.', SAME_PROTOTYPE],
  'attach.arg_kinds': ['Argument {0+1} of {1}() is {2}, that of {3}() is {4}.', SAME_PROTOTYPE],
  'attach.arg_sizes': [
    'Argument {0+1} of {1}() has {2} bytes, that of {3}() has {4}.',
    SAME_PROTOTYPE,
  ],
  'attach.arg_unknown': ['Argument {0+1} of {1}() has a type that is not known.', SAME_PROTOTYPE],
  'attach.arg_no_context': ['Argument {0+1} of {1}() must be the context.', SAME_PROTOTYPE],
  'attach.arg_structs': [
    'Argument {0+1}: {1}() takes struct {2}, {3}() takes struct {4}.',
    SAME_PROTOTYPE,
  ],
};

/** Causes about type information, function and line information. */
export const plainBtf: PlainCauses = {
  'btf_info.ld_abs_without_btf': [
    'A function without type information uses legacy packet loads.',
    'Compile with `-g`, or use bpf_skb_load_bytes().',
  ],
  'btf_info.tail_call_without_btf': [
    'A function without type information does a tail call.',
    'Compile with `-g`.',
  ],
  'btf_info.ld_abs_return': [
    'Legacy packet loads may end the program: the function must return int.',
    'Let it return int.',
  ],
  'btf_info.tail_call_return': [
    'A tail call in a function that does not return int.',
    'Let it return int.',
  ],
  'btf_info.first_function': ['The function information does not begin at 0.', NEWER_COMPILER],
  'btf_info.function_order': ['The function information is not in order.', NEWER_COMPILER],
  'btf_info.function_type': ['Type {0} of the function information is none.', NEWER_COMPILER],
  'btf_info.function_count': [
    'The type information names another number of functions than the program has.',
    'All functions must be compiled with `-g`, also those of assembly.',
  ],
  'btf_info.function_layout': [
    'The functions of the type information do not begin where those of the program do.',
    NEWER_COMPILER,
  ],
  'btf_info.line_insn': ['Line information {0} does not fit the program.', NEWER_COMPILER],
  'btf_info.line_code': ['Line information {0} names half an instruction.', NEWER_COMPILER],
  'btf_info.line_missing': ['Function {0} has no line information.', NEWER_COMPILER],
  'btf_info.lines_missing': ['{0} functions have no line information.', NEWER_COMPILER],
  'btf_info.verifier_bug': ['The kernel lost track of a function.', KERNEL_BUG],
  'btf_info.bug_in_function': ['The kernel lost track of {0}().', KERNEL_BUG],
  'btf_info.global_without_btf': [
    'The program has a global function but no type information.',
    'Compile with `-g`, or make it static.',
  ],
  'btf_info.too_many_args': [
    'The global function {0}() has {1} arguments; {2} at most are possible.',
    'Pass a struct by its address.',
  ],
  'btf_info.return_not_scalar': [
    'The global function {0}() returns something else than a number.',
    'Return int, and give results back through a pointer argument.',
  ],
  'btf_info.tag_in_static': [
    'Argument {0+1} of a static function has a tag (`__arg_…`).',
    'Tags are for global functions.',
  ],
  'btf_info.tag_unknown': ['Argument {0+1} has a tag the kernel does not know.', 'Leave it away.'],
  'btf_info.tag_combination': ['The tags of argument {0+1} exclude each other.', 'Use one.'],
  'btf_info.tag_arena': ['`__arg_arena` of argument {0+1} stands alone.', 'Leave the others away.'],
  'btf_info.tag_not_pointer': ['Argument {0+1} is tagged, but no pointer.', 'Leave the tag away.'],
  'btf_info.arg_size': [
    "The size of argument {0+1} ('{1} {2}') is not known, so it cannot be verified.",
    'Use a complete type, `__arg_ctx`, or make the function static.',
  ],
  'btf_info.arg_candidates': [
    "The kernel type of argument {0+1} ('{1} {2}') was not found.",
    'Compare with vmlinux.h of the kernel this is for.',
  ],
  'btf_info.arg_type': [
    'Argument {0+1} of {2}() is {1}, which global functions cannot take.',
    'Pass it by its address, or make the function static.',
  ],
  'btf_info.ctx_not_pointer': ['Argument {0+1} must be a pointer.', 'Take the context by pointer.'],
  'btf_info.ctx_without_name': ['Argument {0+1} has no type name.', 'Name the context type.'],
  'btf_info.ctx_void': ['Argument {0+1} must be `void *`.', 'Declare the context so.'],
  'btf_info.ctx_struct': ['Argument {0+1} must be `struct {1} *`.', 'Declare the context so.'],
};

/** Causes about maps, variables and legacy loads that are looked at before the walk. */
export const plainLoad: PlainCauses = {
  'load.ldx_reserved': ['A load instruction has bits set that must be zero.', ASSEMBLY],
  'load.half_ld_imm64': ['The second half of a 16-byte instruction is missing.', ASSEMBLY],
  'load.unknown_ld_imm64': ['The kind of a 16-byte load is not known.', NEWER_COMPILER],
  'load.unknown_opcode': ['There is no instruction {0}.', NEWER_COMPILER],
  'load.no_fd_array': ['The loader gave no table of maps (fd_array).', 'Load with libbpf.'],
  'load.no_map': ['{0} is no map.', 'Load with libbpf, which creates the maps first.'],
  'load.too_many_maps': ['A program uses {0} maps at most.', 'Split it, or use a map of maps.'],
  'load.value_offset': ['Offset {0} is no place in a map value.', 'Look at the globals.'],
  'load.no_direct_value': [
    'Addresses of values exist for array maps with one element only.',
    'Look the element up.',
  ],
  'load.value_bounds': [
    'Offset {1} is not in the map value, which has {0} bytes.',
    'Look at what is taken the address of: globals and their sections.',
  ],
  'load.cgroup_storage_twice': ['Two cgroup storages of one kind are used.', 'Use one.'],
  'load.arena_twice': ['Two arenas are used.', 'Use one.'],
  'load.arena_capability': ['Arenas need capabilities.', 'Load with CAP_BPF and CAP_PERFMON.'],
  'load.symbol_id': ['There is no kernel variable with type {0}.', 'Load with libbpf.'],
  'load.symbol_kind': ['Type {0} is no variable and no function.', 'Load with libbpf.'],
  'load.symbol_btf': ['The module of a variable was not found.', 'Load the module first.'],
  'load.symbol_size': ["The size of the variable's type '{0}' is not known.", KERNEL_BUG],
  'load.tracing_graph': ['Tracing programs cannot use lists and trees yet.', OTHER_PROGRAM],
  'load.socket_spin_lock': ['Socket filters cannot use spin locks.', OTHER_PROGRAM],
  'load.tracing_spin_lock': ['Tracing programs cannot use spin locks.', OTHER_PROGRAM],
  'load.tracing_timer': ['Tracing programs cannot use timers.', OTHER_PROGRAM],
  'load.tracing_wq': ['Tracing programs cannot use work queues.', OTHER_PROGRAM],
  'load.struct_ops_map': ['Programs cannot use struct_ops maps.', OTHER_PROGRAM],
  'load.sleepable_map': [
    'Sleepable programs cannot use this type of map.',
    'Use array, hash, ringbuf or local storage maps.',
  ],
  'load.ld_imm': ['A 16-byte load is malformed.', ASSEMBLY],
  'load.ld_imm64_reserved': ['A 16-byte load has bits set that must be zero.', ASSEMBLY],
  'load.misconfigured': ['The kernel contradicts itself.', KERNEL_BUG],
  'load.callback_without_info': ['Callbacks need function information.', 'Compile with `-g`.'],
  'load.callback_not_static': ['A callback must be static.', 'Declare it `static`.'],
  'load.callback_is_main': ['The program itself is used as a callback.', 'Name another function.'],
  'load.ld_abs_type': [
    'Legacy packet loads are for socket filters and tc programs.',
    'Use bpf_skb_load_bytes() or the packet pointers.',
  ],
  'load.ld_abs_callback': [
    'Legacy packet loads may end the program, so callbacks may not use them.',
    'Use bpf_skb_load_bytes().',
  ],
  'load.ld_abs_reserved': ['A legacy packet load has bits set that must be zero.', ASSEMBLY],
  'load.ld_abs_references': [
    'A legacy packet load may end the program while something acquired is held.',
    'Release it before, or use bpf_skb_load_bytes().',
  ],
  'load.ld_abs_lock': [
    'A legacy packet load may end the program while a spin lock is held.',
    'Unlock before, or use bpf_skb_load_bytes().',
  ],
  'load.ld_abs_rcu': [
    'A legacy packet load may end the program within an RCU section.',
    'Leave the section before, or use bpf_skb_load_bytes().',
  ],
  'load.ld_abs_preempt': [
    'A legacy packet load may end the program while preemption is disabled.',
    'Call bpf_preempt_enable() before, or use bpf_skb_load_bytes().',
  ],
  'load.ld_abs_context': ['Legacy packet loads take the context in R6.', 'Use load_byte() & co.'],
};
