import { ASSEMBLY, KERNEL_BUG, NEWER_COMPILER, type PlainCauses } from './words.ts';

const PRIVILEGED = 'Load with CAP_BPF and CAP_PERFMON.';
const CALLEE = 'Functions take and return numbers, and pointers the verifier can follow.';

/** Causes of rejected arithmetic, jumps and malformed instructions. */
export const plainInsns: PlainCauses = {
  'alu.invariants': ['The kernel lost track of a value.', KERNEL_BUG],
  'alu.reserved': ['The {0} instruction has bits set that must be zero.', ASSEMBLY],
  'alu.invalid_opcode': ['There is no arithmetic instruction {0}.', NEWER_COMPILER],
  'alu.invalid_shift': [
    'A shift by {0} is wider than the value.',
    'Shift by 0 to 31 (32-bit values) or 0 to 63.',
  ],
  'alu.cast_spaces': ['Address spaces other than 0 and 1 do not exist.', NEWER_COMPILER],
  'alu.cast_without_arena': [
    'A pointer into an arena is used, but the program has no arena map.',
    'Declare a map of type BPF_MAP_TYPE_ARENA and mention it in the program.',
  ],
  'alu.pointer_prohibited': [
    'R{0} is a pointer: this operation is not possible on it.',
    'Do the arithmetic on the number, then add it to the pointer.',
  ],
  'alu.sign_extension': [
    'Only a part of the pointer in R{0} would be kept by the sign extension.',
    'Keep pointers in 64-bit variables.',
  ],
  'alu.pointer_from_scalar': [
    'A pointer is subtracted from a number (R{0}).',
    'Subtract numbers from pointers only.',
  ],
  'alu.stack_subtraction': [
    'Something is subtracted from a pointer into the stack (R{0}).',
    'Add a negative number instead, or index from the start of the variable.',
  ],
  'jump.invalid_opcode': ['There is no jump instruction {0}.', NEWER_COMPILER],
  'jump.may_goto': ['The may_goto instruction is malformed.', ASSEMBLY],
  'jump.reserved': ['The jump instruction has bits set that must be zero.', ASSEMBLY],
  'flow.reg_invalid': ['There is no register R{0}.', ASSEMBLY],
  'flow.call_destination': ['The call leads to no function of the program.', NEWER_COMPILER],
  'flow.too_many_subprograms': ['A program has at most 256 functions.', 'Split the program.'],
  'flow.main_type_invalid': ['The function information names no function.', NEWER_COMPILER],
  'flow.many_exception_callbacks': [
    'Two exception callbacks are named for the program.',
    'Use `__exception_cb(name)` once.',
  ],
  'flow.exception_callback_missing': [
    "The exception callback '{0}' is not in the program.",
    'Define a global function of that name.',
  ],
  'flow.exception_callback_static': [
    "The exception callback '{0}' must be global.",
    'Take `static` away.',
  ],
  'flow.exception_callback_first': [
    'The program itself is named as its exception callback.',
    'Name another function.',
  ],
  'flow.exception_callback_unlisted': [
    'The exception callback is not in the program.',
    NEWER_COMPILER,
  ],
  'flow.exception_callback_arguments': [
    'An exception callback takes one number.',
    'Declare it `int name(u64 cookie)`.',
  ],
  'flow.jump_into_wide': ['A jump leads into the middle of instruction {0}.', ASSEMBLY],
  'flow.async_jumps_too_complex': [
    'More than 8,192 branches wait to be looked at.',
    'Put the body of large loops into bpf_loop().',
  ],
  'flow.insn_out_of_program': ['The program runs past its last instruction.', ASSEMBLY],
  'flow.ldx_reserved': ['The load instruction has bits set that must be zero.', ASSEMBLY],
  'flow.stx_reserved': ['The store instruction has bits set that must be zero.', ASSEMBLY],
  'flow.st_reserved': ['The store instruction has bits set that must be zero.', ASSEMBLY],
  'flow.call_reserved': ['The call instruction has bits set that must be zero.', ASSEMBLY],
  'flow.ja_reserved': ['The goto instruction has bits set that must be zero.', ASSEMBLY],
  'flow.exit_reserved': ['The exit instruction has bits set that must be zero.', ASSEMBLY],
  'flow.ld_mode': ['There is no such kind of load.', ASSEMBLY],
  'flow.unknown_class': ['There is no instruction class {0}.', ASSEMBLY],
  'flow.exit_without_preemption': [
    'The program ends while preemption is disabled ({0} times).',
    'Call bpf_preempt_enable() on every path, also before early returns.',
  ],
  'flow.throw_under_lock': [
    'bpf_throw() is called while a spin lock is held.',
    'Unlock before bpf_throw() or an assertion.',
  ],
  'flow.throw_under_rcu': [
    'bpf_throw() is called within an RCU section.',
    'Leave the section before bpf_throw() or an assertion.',
  ],
  'flow.throw_without_preemption': [
    'bpf_throw() is called while preemption is disabled.',
    'Call bpf_preempt_enable() before.',
  ],
  'finish.arena_sign_extension': [
    'A signed load from an arena is wider or narrower than supported.',
    'Load it unsigned and cast.',
  ],
  'finish.kfunc_missing': [
    'A kernel function that does not exist is called, on a path that can be reached.',
    'Check with bpf_ksym_exists() first.',
  ],
  'finish.tail_call_maps': [
    'One tail call is reached with different maps, depending on the path.',
    'Write one bpf_tail_call() per map, so that the compiler does not merge them.',
  ],
  'prune.current_state': ['The loop comes around with nothing changed.'],
};

/** Causes about the program's own functions, what is returned, and unprivileged arithmetic. */
export const plainFunctions: PlainCauses = {
  'return.subprog_not_scalar': [
    'The function returns something else than a number in R{0} ({1}).',
    'Callbacks and global functions return numbers only.',
  ],
  'return.void_hook': ['The hook returns nothing.', 'Attach to a hook that returns int.'],
  'spectre.unsupported': [
    'R{0}: without CAP_PERFMON this arithmetic on pointers is not possible.',
    'Only + and - with a limited number can be guarded. ' + PRIVILEGED,
  ],
  'spectre.paths': [
    'R{0}: the addition is reached with different pointers or limits, depending on the path.',
    'Write it once per branch. ' + PRIVILEGED,
  ],
  'spectre.not_pushed': ['R{0}: too many branches wait to be looked at.', PRIVILEGED],
  'spectre.stack_variable': [
    'R{0} is a variable index into the stack: only with CAP_PERFMON.',
    'Use a map for the array. ' + PRIVILEGED,
  ],
  'spectre.stack_out_of_range': [
    'R{0} would leave the stack, if even for a moment.',
    'Check the index before it is added. ' + PRIVILEGED,
  ],
  'spectre.map_out_of_range': [
    'R{0} would leave the map value, if even for a moment.',
    'Check the index before it is added. ' + PRIVILEGED,
  ],
  'subprog.call_chain': [
    'More than 8 functions call one another here ({0}).',
    'Let the compiler put functions in place (`__always_inline`), or nest fewer.',
  ],
  'subprog.not_scalar': ['R{0} must be a number here.', CALLEE],
  'subprog.expects_ctx': [
    'Argument {0+1} of the global function must be the context.',
    'Pass `ctx` as the program got it.',
  ],
  'subprog.expects_arena': [
    'R{0} must be a pointer into the arena.',
    'Pass what bpf_arena_alloc_pages() gave.',
  ],
  'subprog.global_with_preempt': [
    'A global function is called while preemption is disabled.',
    'Make the function static, or call bpf_preempt_enable() first.',
  ],
  'subprog.no_callback_for_map': [
    'bpf_for_each_map_elem() does not work on this type of map.',
    'Use an array, hash or their per-CPU kinds.',
  ],
  'subprog.returns_stack': [
    'The function returns a pointer into its own stack, which is gone then.',
    'Let the caller pass the buffer.',
  ],
  'subprog.returns_no_scalar': ['The callback must return a number.', CALLEE],
  'subprog.throw_in_callback': [
    'bpf_throw() may not be called in a callback.',
    'Return an error from the callback and throw outside.',
  ],
  'subprog.tail_call_in_async_callback': [
    'A timer or work queue callback does a tail call.',
    'Do the work in the callback itself.',
  ],
  'subprog.calls_exception_callback': [
    'The exception callback is called like a function.',
    'Only bpf_throw() may call it.',
  ],
  'subprog.tail_call_in_exception_callback': [
    'The exception callback does a tail call.',
    'Do the work in the callback itself.',
  ],
};

/** Bugs of the kernel's own precision tracking. */
export const plainPrecision: PlainCauses = {
  'precision.bug_regs': ['The kernel lost track of a value.', KERNEL_BUG],
  'precision.bug_slots': ['The kernel lost track of a stack slot.', KERNEL_BUG],
  'precision.bug_enter': ['The kernel lost track of a call.', KERNEL_BUG],
  'precision.bug_exit': ['The kernel lost track of a return.', KERNEL_BUG],
  'precision.bug_entry': ['The kernel lost track of an argument.', KERNEL_BUG],
  'precision.bug_index': ['The kernel lost track of the path.', KERNEL_BUG],
  'precision.bug_slot': ['The kernel lost track of a stack slot.', KERNEL_BUG],
};
