import { CHECK_NULL, KERNEL_BUG, type PlainCauses } from './words.ts';

const LEAVE_RCU = 'Leave the RCU section (bpf_rcu_read_unlock()) before the call.';
const LEAVE_PREEMPT = 'Call bpf_preempt_enable() first.';
const CONSTANT = 'Pass a literal, or a `const volatile` global that is set before the load.';

/** Causes of rejected calls of helpers. */
export const plainHelpers: PlainCauses = {
  'call.not_in_probe': [
    'The helper may not be called on this kind of probe.',
    'Use the helper from another program type.',
  ],
  'call.sleeps_in_rcu': [
    '{0}() may sleep, and this is within an RCU read section.',
    LEAVE_RCU,
    'In programs that may not sleep, kernel objects are under RCU from the start.',
  ],
  'call.sleeps_in_preempt': ['{0}() may sleep, but preemption is disabled here.', LEAVE_PREEMPT],
  'call.unsupported_arg': ['The kernel does not know this kind of argument.', KERNEL_BUG],
  'call.btf_match_type': ['The kernel mistook the type of a pointer.', KERNEL_BUG],
  'call.may_write': [
    '{0}() would write into memory that is read-only ({2}).',
    'Pass a buffer on the stack or in a map, and copy.',
  ],
  'call.zero_offset': [
    'R{0} was moved: this call takes the pointer exactly as it was returned.',
    'Keep the original pointer in a variable of its own and pass that one.',
  ],
  'call.btf_id': [
    'R{0} points to a type this helper was not made for.',
    'Pass an object of the type the helper names: `beeyard proto` shows it.',
  ],
  'call.percpu_btf_id': [
    'R1 must be the address of a per-CPU variable of the kernel.',
    'Declare it `extern … __ksym` and pass its address.',
  ],
  'call.not_readonly_map': [
    'The string in R{0} must be a constant, but it lies in memory that may change.',
    'Declare it `static const char fmt[] = "…";` so that it ends up in .rodata.',
  ],
  'call.not_constant_address': [
    'The address of the string in R{0} is computed: it must be fixed.',
    'Pass the array itself, without a variable index.',
  ],
  'call.no_direct_value': [
    'Constant strings of this type of map cannot be read at load time.',
    'Put the string into a `static const char []`.',
  ],
  'call.direct_value_failed': ['The constant string could not be read at load time.', CONSTANT],
  'call.not_terminated': [
    'The string has no zero byte at its end.',
    'Make the array one byte longer than the text.',
  ],
  'call.invalid_format': [
    'The format string is malformed, or has more than 12 conversions.',
    'Allowed are %d %i %u %x %ld %li %lu %lx %lld %llu %llx %p %pB %pks %pus %s; no widths for %s.',
  ],
  'call.storage_flags': [
    'bpf_get_local_storage() takes no flags: the second argument must be 0.',
    'Pass the literal 0.',
  ],
  'call.loop_limit': [
    'The callback of bpf_loop() was walked too often.',
    'Make fewer variables change from round to round.',
  ],
  'call.lsm_void_retval': [
    'The hook returns nothing, so its return value cannot be set.',
    'Attach to a hook that returns int.',
  ],
  'call.unresolved_size': [
    "The size of type '{0}' is not known.",
    'Use a complete type (a struct with members, not only a declaration).',
  ],
  'call.return_btf_id': ['The kernel does not know what {1}() returns.', KERNEL_BUG],
  'call.trampoline_only': [
    '{0}() works in fentry, fexit and fmod_ret programs only.',
    'Change the section, or use bpf_get_func_ip() and the arguments of the context.',
  ],
  'call.func_ip_program': [
    '{0}() does not work in programs of this type.',
    'Use a kprobe, uprobe, fentry, fexit or fmod_ret program.',
  ],
  'reference.unacquired_dynptr': [
    'The dynptr in argument {0} owns nothing that could be submitted or discarded.',
    'Reserve it with bpf_ringbuf_reserve_dynptr(), and submit or discard it exactly once.',
  ],
  'reference.more_than_one': ['Two arguments hold a reference.', KERNEL_BUG],
  'reference.not_acquired': [
    '{0}() releases something that is not held here (released before, or on another path).',
    'Release each object exactly once, through the pointer the acquiring call returned.',
  ],
  'reference.tail_call_leak': [
    'Something acquired is still held at the tail call, which never comes back.',
    'Release it before bpf_tail_call().',
  ],
};

/** Causes of calls that do not fit a map, and of special fields of map values. */
export const plainMaps: PlainCauses = {
  'map_call.write_forbidden': [
    'The helper would change a map that programs may only read (BPF_F_RDONLY_PROG).',
    'Write to another map, or create this one without that flag.',
  ],
  'map_call.sockmap_context': [
    'Programs of this type may not update a sockmap or sockhash.',
    'Update it from user space, a sock_ops or an sk_skb program.',
  ],
  'map_call.sockmap_value': [
    'Sockmaps take sockets as values, not memory.',
    'Pass the struct bpf_sock pointer.',
  ],
  'map_call.misconfigured': ['The kernel does not know this use of maps.', KERNEL_BUG],
  'map_call.no_map': [
    'It is not known which map this call is for, so the size of its {0} is unknown.',
    'Pass the map itself (`&map`); different maps on different paths need a call each.',
  ],
  'map_call.different_map': [
    'The timer and the map passed to bpf_timer_init() do not belong together.',
    'Pass the map the value with the timer was looked up in.',
  ],
  'map_call.no_btf': [
    "Map '{0}' has no type information, so {1} cannot be found in its values.",
    'Define the map with `__type(key, …)` and `__type(value, …)` in SEC(".maps").',
  ],
  'map_call.variable_offset': [
    'The address of the {1} in R{0} is computed with a variable.',
    'Pass `&value->field`, with a constant offset.',
  ],
  'map_call.no_timer': [
    "The values of map '{0}' have no struct bpf_timer.",
    'Put a struct bpf_timer into the value type.',
  ],
  'map_call.wrong_offset': [
    'The address passed is {0} bytes into the value, but its {1} is at {2}.',
    'Pass `&value->field` of that type.',
  ],
  'map_call.two_maps': ['Two maps are passed to a timer helper.', KERNEL_BUG],
  'map_call.no_kptr': [
    'R{0} does not point into a map value that has a kptr field.',
    'Declare the field `struct type __kptr *p;` in the value type.',
  ],
  'map_call.not_at_kptr': [
    'There is no kptr at offset {0} of the value.',
    'Pass `&value->field` of the kptr.',
  ],
  'map_call.unreferenced_kptr': [
    'The kptr at offset {0} is not one that owns its object.',
    'Declare it `__kptr`, not `__kptr_untrusted`.',
  ],
  'map.write_forbidden': [
    'The map may only be read by programs.',
    'Write to another map, or create this one without BPF_F_RDONLY_PROG; `const` globals ' +
      'are read-only too.',
  ],
  'map.read_forbidden': [
    'The map may only be written by programs.',
    'Create it without BPF_F_WRONLY_PROG.',
  ],
  'map.kptr_by_helper': [
    'A helper would read or write bytes of a map value where a {0} is.',
    'Pass a part of the value without any; use bpf_kptr_xchg() for the pointer of a kptr.',
  ],
  'map.kptr_variable_offset': [
    'A {0} is accessed through a variable index.',
    'Access it by its name in the struct.',
  ],
  'map.kptr_misaligned': [
    'A {0} is accessed at {2}, but it starts at {1}.',
    'Access the whole pointer by its name.',
  ],
  'map.kptr_size': ['A part of a {0} is accessed.', 'Read the whole pointer (8 bytes).'],
  'map.kptr_mode': [
    'A kptr is accessed with an atomic or sign-extending instruction.',
    'Use bpf_kptr_xchg().',
  ],
  'map.kptr_store': [
    'A kptr that owns its object is overwritten by a plain store: the old one would be lost.',
    'Use bpf_kptr_xchg(&value->field, new) and release what it returns.',
  ],
  'map.uptr_store': [
    'A member with __uptr is written: only its user says what it points to.',
    'Read the pointer and write to what it points to; set it with an update from user space.',
  ],
  'map.kptr_store_imm': [
    'Only NULL may be stored into a kptr directly.',
    'Use bpf_kptr_xchg() for pointers.',
  ],
  'map.kptr_class': [
    'A kptr is accessed by an instruction that is no plain load or store.',
    'Use bpf_kptr_xchg().',
  ],
  'map.kptr_type': [
    'R{0} ({1}) is not what the kptr field holds ({2}).',
    'Store a pointer of the declared type, owned at this point and not moved.',
  ],
  'map.special_field': [
    'The bytes of a {0} in a map value are read or written directly.',
    'Use the helpers and kfuncs for it; copy the other fields one by one, not the whole struct.',
  ],
  'map.pointer_access': [
    'Fields of maps of type {0} cannot be read by programs.',
    'Keep what you need in a global variable.',
  ],
  'lock.none': [
    "The {0} '{1}' has no struct bpf_spin_lock at this place.",
    'Put a struct bpf_spin_lock into the value (or object) type and pass its address.',
  ],
  'lock.different': [
    'Another lock is released than the one that is held.',
    'Look the value up once and use that same pointer for lock and unlock.',
  ],
  'lock.in_rbtree_callback': [
    'The callback of bpf_rbtree_add() locks or unlocks: the lock is held around it.',
    'Only compare in that callback.',
  ],
  'lock.tail_call': ['A tail call is done while a spin lock is held.', 'Unlock before it.'],
  'lock.tail_call_rcu': ['A tail call is done within an RCU section.', LEAVE_RCU],
  'lock.tail_call_preempt': ['A tail call is done while preemption is disabled.', LEAVE_PREEMPT],
};

/** Causes of rejected calls of kernel functions. */
export const plainKfuncs: PlainCauses = {
  'kfunc.negative_offset': [
    'The call names a module by a negative number.',
    'Load with libbpf, which fills in the module.',
  ],
  'kfunc.no_fd_array': [
    'The call names a module, but the loader gave no table of modules (fd_array).',
    'Load with libbpf.',
  ],
  'kfunc.invalid_module_fd': [
    'The module the function is in could not be found.',
    'Load the kernel module first.',
  ],
  'kfunc.too_many': ['More than 256 different kernel functions are called.', 'Split the program.'],
  'kfunc.not_function': [
    'Type {0} of the kernel is not a function.',
    'Load with libbpf, and declare the function `extern … __ksym`.',
  ],
  'kfunc.destructive': ['The function may take the machine down.', 'Load with CAP_SYS_BOOT.'],
  'kfunc.callback_failed': [
    'The function passed to {0}() is not one it can call.',
    'Pass a static function of the program with the arguments {0}() names.',
  ],
  'kfunc.not_acquired': [
    '{0}() releases something that is not held here (released before, or on another path).',
    'Release each object exactly once, through the pointer the acquiring call returned.',
  ],
  'kfunc.conversion_failed': ['{0}() could not give the node away.', KERNEL_BUG],
  'kfunc.too_many_args': ['{0}() has more than {2} arguments.', KERNEL_BUG],
  'kfunc.not_scalar': [
    'R{0} must be a number.',
    'Look at the order of the arguments: `beeyard proto` shows them.',
  ],
  'kfunc.two_constants': ['Two arguments must be constants.', KERNEL_BUG],
  'kfunc.not_constant': ['R{0} must be a constant that is known at load time.', CONSTANT],
  'kfunc.two_buffer_sizes': ['Two arguments give the size of the result.', KERNEL_BUG],
  'kfunc.buffer_size_unknown': ['The size in R{0} must be a constant.', CONSTANT],
  'kfunc.buffer_size_large': ['The size in R{0} does not fit 32 bits.', 'Ask for less.'],
  'kfunc.argument_kind': ['Argument {0+1} has a type ({1}) that programs cannot pass.', KERNEL_BUG],
  'kfunc.two_references': ['Two arguments hold a reference.', KERNEL_BUG],
  'kfunc.not_map': ['R{0} must be a map.', 'Pass the address of the map (`&map`).'],
  'kfunc.other_map': [
    'The work queue and the map passed to bpf_wq_init() do not belong together.',
    'Pass the map the value with the bpf_wq was looked up in.',
  ],
  'kfunc.not_context': [
    'Argument {0+1} must be the context of the program, but is {1}.',
    'Pass `ctx` as the program got it.',
  ],
  'kfunc.for_drop': [
    'Argument {0+1} was not made by bpf_obj_new(), so bpf_obj_drop() cannot free it.',
    'Drop only what bpf_obj_new() (or a removal from a list or tree) gave.',
  ],
  'kfunc.for_percpu_drop': [
    'Argument {0+1} was not made by bpf_percpu_obj_new().',
    'Drop only what bpf_percpu_obj_new() gave.',
  ],
  'kfunc.not_allocated': [
    'Argument {0+1} must be an object made by bpf_obj_new().',
    'Allocate the node with bpf_obj_new(typeof(*n)).',
  ],
  'kfunc.not_referenced': [
    'The object is not owned here: it was given away, or only looked at.',
    'After bpf_list_push_*() and bpf_rbtree_add() the pointer owns nothing; take the object out ' +
      '(bpf_rbtree_remove(), bpf_list_pop_*()) or use bpf_refcount_acquire().',
  ],
  'kfunc.no_clone_type': ['The dynptr to clone has no type.', KERNEL_BUG],
  'kfunc.no_clone_reference': ['The dynptr to clone has no reference.', KERNEL_BUG],
  'kfunc.css_task': [
    'This iterator is for LSM, iter and sleepable programs only.',
    'Use a sleepable section (`.s`).',
  ],
  'kfunc.not_root_memory': [
    'Argument {0+1} must be in a map value or an allocated object.',
    'Lists and trees live in map values (or globals) or in objects of bpf_obj_new().',
  ],
  'kfunc.remove_owning': [
    'bpf_rbtree_remove() takes a node that is in the tree, but this one is owned by the program.',
    'Pass what bpf_rbtree_first() gave.',
  ],
  'kfunc.remove_in_callback': [
    'Nodes may not be removed within the callback of bpf_rbtree_add().',
    'Only compare in that callback.',
  ],
  'kfunc.not_btf_pointer': [
    'Argument {0+1} is {1}, but the function takes {2} or a socket.',
    'Pass the kernel object itself; plain memory of the program will not do.',
    CHECK_NULL,
  ],
  'kfunc.unsupported_pointer': [
    'Argument {1+1} of {0}() cannot be passed by programs.',
    KERNEL_BUG,
  ],
  'kfunc.not_scalar_struct': [
    'Argument {0+1} must be an object of the kernel ({1} {2}), not memory of the program.',
    'Pass what a hook or another function of the kernel gave.',
  ],
  'kfunc.struct_nesting': ['The structs of the argument are nested too deep.', KERNEL_BUG],
  'kfunc.wrong_struct': [
    'Argument {1+1} of {0}() must point to {2} {3}, but R{1+1} points to {4} {5}.',
    'Pass an object of the type the function is for; bpf_rdonly_cast() does not make it trusted.',
  ],
  'kfunc.no_size': ["The size of argument {0+1} ('{1} {2}') is not known.", 'Use a complete type.'],
  'kfunc.bad_memory': [
    'Argument {0+1} is memory whose length is the next argument: that much may not be there.',
    'Limit the length to the size of the buffer, and give the buffer a value first.',
  ],
  'kfunc.not_function_pointer': [
    'Argument {0+1} must be a function of the program.',
    'Pass a static function by its name.',
  ],
  'kfunc.not_refcounted_object': [
    'Argument {0+1} is no object that is (or was) owned.',
    'Pass what bpf_obj_new(), bpf_list_*() or bpf_rbtree_*() gave.',
  ],
  'kfunc.no_refcount': [
    'The type of argument {0+1} has no struct bpf_refcount.',
    'Add `struct bpf_refcount ref;` to the struct.',
  ],
  'kfunc.not_string': [
    'Argument {0+1} must be a constant string.',
    'Pass a literal or a `static const char []`.',
  ],
  'kfunc.not_map_value': [
    'Argument {0+1} must be in a map value.',
    'Look the value up and pass `&value->field`.',
  ],
  'kfunc.workqueue_offset': [
    'The address passed is {0} bytes into the value, but its struct bpf_wq is at {1}.',
    'Pass `&value->field` of that type.',
  ],
  'kfunc.nothing_released': [
    '{0}() releases an object, but none that is owned was passed.',
    'Pass what the acquiring function returned.',
    CHECK_NULL,
  ],
  'kfunc.returns_no_object': ['The acquiring function returns no object.', KERNEL_BUG],
  'kfunc.type_id_range': ['The type of the object is no valid type.', CONSTANT],
  'kfunc.no_program_btf': ['bpf_obj_new() needs type information.', 'Compile with `-g`.'],
  'kfunc.type_id_struct': ['bpf_obj_new() makes structs only.', 'Put the value into a struct.'],
  'kfunc.percpu_size': [
    'A per-CPU object may have {1} bytes at most; this type has {0}.',
    'Use a per-CPU array map.',
  ],
  'kfunc.percpu_scalars': ['Per-CPU objects hold numbers only.', 'Take the pointers out.'],
  'kfunc.percpu_fields': [
    'Per-CPU objects have no locks, lists, trees or kptrs.',
    'Take these fields out of the struct.',
  ],
  'kfunc.cast_struct': ['bpf_rdonly_cast() casts to structs only.', 'Name a struct.'],
  'kfunc.context_struct': ['The context of this program type is no struct.', KERNEL_BUG],
  'kfunc.no_packet_write': [
    'The program type may not write to packets, so it gets no writable slice.',
    'Use bpf_dynptr_slice(), which only reads.',
  ],
  'kfunc.pointer_result': [
    '{0}() returns a pointer to {2}, which programs cannot use.',
    KERNEL_BUG,
  ],
};

/** Causes of the protocols of dynptrs, iterators, lists, trees and sections. */
export const plainProtocols: PlainCauses = {
  'dynptr.variable_offset': [
    'The {0} is reached through a computed address.',
    'Use a plain local variable and pass its address.',
  ],
  'dynptr.wrong_offset': [
    'A pointer {1} bytes away from the start of the {0} is passed.',
    'Pass the address of the variable itself.',
  ],
  'dynptr.stack_pointer': [
    'Argument {0+1} must be a dynptr: a local variable of type struct bpf_dynptr.',
    'Pass the address of such a variable.',
  ],
  'dynptr.uninitialized': [
    'The dynptr is in use already, or its place on the stack is.',
    'Use a fresh local variable, or submit or discard the dynptr first.',
  ],
  'dynptr.mutates_const': [
    'The dynptr given to a callback is read-only: this call would change it.',
    'Clone it with bpf_dynptr_clone() and change the clone.',
  ],
  'dynptr.wrong_type': [
    'Argument {1+1} must be a dynptr of type {0}.',
    'Make it with the function for that type.',
  ],
  'dynptr.unowned': [
    "The dynptr given to a callback is not the program's to submit or discard.",
    'Only release what bpf_ringbuf_reserve_dynptr() made.',
  ],
  'dynptr.data': [
    'A dynptr cannot be made from memory of kind {0}.',
    'bpf_dynptr_from_mem() takes memory of map values.',
  ],
  'iter.not_on_stack': [
    'Argument {0+1} must be an iterator: a local variable.',
    'Pass the address of a local struct bpf_iter_….',
  ],
  'iter.invalid': [
    'Argument {0+1} is no valid iterator.',
    'Pass the address of the local variable that the new function got.',
  ],
  'iter.needs_rcu': [
    'The iterator {0} works within an RCU section only, and there is none here.',
    'Call bpf_rcu_read_lock() before, in programs that may sleep.',
  ],
  'graph.no_lock': ['The node was added without a lock.', KERNEL_BUG],
  'graph.different_allocation': [
    'The lock that is held is not that of this list or tree.',
    'Put the lock and the root into the same map value (or struct), and lock that one.',
  ],
  'graph.variable_offset': [
    'The address of the {1} in R{0} is computed with a variable.',
    'Pass `&object->field`, with a constant offset.',
  ],
  'graph.not_found': [
    'There is no {0} at offset {1} of the object.',
    'Pass `&object->field` of that type; annotate roots with `__contains(type, node)`.',
  ],
  'graph.lock_needed': [
    'The {1} may only be used while its spin lock is held.',
    'Call bpf_spin_lock(&lock) before, with the lock next to the {1}.',
  ],
  'graph.wrong_node': [
    'The {0} holds struct {3} by its node at offset {2}, but the node passed is at {4} of {5}.',
    'Pass the node field that `__contains(type, node)` names.',
  ],
  'graph.wrong_offset': [
    'The node passed is at offset {0}, but the {1} of struct {3} is at {2}.',
    'Pass `&object->node`.',
  ],
  'region.rcu_in_rbtree_callback': [
    'The callback of bpf_rbtree_add() enters or leaves an RCU section.',
    'A spin lock is held around it, which is enough.',
  ],
  'region.nested_rcu': [
    'An RCU section is entered within another.',
    'Call bpf_rcu_read_lock() once, around both uses.',
  ],
  'region.sleeps_in_rcu': ['{0}() may sleep, and this is an RCU read section.', LEAVE_RCU],
  'region.sleeps_in_preempt': ['{0}() may sleep, but preemption is disabled here.', LEAVE_PREEMPT],
};
