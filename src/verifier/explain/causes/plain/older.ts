import type { PlainCauses } from './words.ts';

/** Causes that only older kernels word like that, and those of what Linux does not have. */
export const plainOlder: PlainCauses = {
  'btf_access.map_not_capable': [
    'Fields of {0} are for CAP_PERFMON only.',
    'Load with CAP_PERFMON.',
  ],
  'call.dynptr_offset': [
    'The dynptr is passed by an address that was moved.',
    'Pass the address of the variable itself.',
  ],
  'call.older_zero_offset': [
    'R{0} was moved: a releasing call takes the pointer exactly as it was returned.',
    'Keep the original pointer in a variable of its own and pass that one.',
  ],
  'kfunc.destructive_older': ['The function may take the machine down.', 'Load with CAP_SYS_BOOT.'],
  'kfunc_older.sleepable': [
    '{0}() may sleep, but this program may not.',
    'Use a sleepable section (`.s`) where the program type has one.',
  ],
  'kfunc_older.not_referenced': [
    'R{0} must be an object that the program owns.',
    'Pass what an acquiring function returned, and was not released since.',
  ],
  'kfunc_older.not_map_value': [
    'The first argument must be a kptr field in a map value.',
    'Look the value up and pass `&value->field`.',
  ],
  'kfunc_older.variable_offset': [
    'The address of the kptr field is computed with a variable.',
    'Pass `&value->field`.',
  ],
  'kfunc_older.no_kptr': [
    'There is no kptr that owns its object at offset {0} of the map value.',
    'Pass `&value->field` of the kptr.',
  ],
  'kfunc_older.not_double': [
    'The first argument must be the address of a kptr.',
    'Pass `&value->field`.',
  ],
  'kfunc_older.wrong_kptr': [
    'The first argument of {0}() must be the address of a kptr to {1} {2}.',
    'Pass a field of that type.',
  ],
  'kfunc_older.dynptr_not_stack': [
    'Argument {0+1} must be a dynptr: a local variable of type struct bpf_dynptr.',
    'Pass the address of such a variable.',
  ],
  'kfunc_older.dynptr_not_initialized': [
    'Argument {0+1} must be a dynptr that was made before.',
    'Call bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr() or a like function first.',
  ],
  'kfunc_older.dynptr_kind': [
    'Argument {0+1} must be a dynptr of memory of the program.',
    'Make it with bpf_dynptr_from_mem().',
  ],
  'call.unknown_func': [
    "Programs of this type (or this loader's privileges) do not have the helper {0}().",
    '`beeyard matrix` tells which kernels have it.',
  ],
  'map_call.poisoned': [
    'One call is reached with different maps, depending on the path.',
    'Write one call per map, so that the compiler does not merge them.',
  ],
  'map_call.no_kptr_in_map': [
    "Values of map '{0}' have no kptr field.",
    'Declare the field `struct type __kptr_ref *p;` in the value type.',
  ],
  'subprog.invalid_unnamed_args': [
    'What is passed to global function #{0} is not what its prototype says.',
    'Pass what the parameters say: a context, numbers, or memory of that size.',
  ],
  'load.symbol_no_variable': [
    'Type {0} is no variable; this kernel cannot load the address of a function.',
    'Load with libbpf, and name variables only.',
  ],
  'load.extension': [
    "Map '{0}' has type {1}, which Linux does not have: it is an extension of beeyard.",
    'Run the program in beeyard, or use a map type of Linux.',
  ],
  'load.extension_hook': [
    "Program '{0}' is for hook {1}, which Linux does not have: it is an extension of beeyard.",
    'Run the program in beeyard, or put it at a hook of Linux.',
  ],
  'load.static_branch': [
    'The table of static branches is wrong: {0}.',
    'Write branches with the macros of <beeyard/static_key.h>, and link with `beeyard gen object`.',
  ],
  'load.static_key': [
    "A static branch asks map '{0}', which is no static key.",
    'Define keys with DEFINE_STATIC_KEY().',
  ],
  'load.static_key_as_map': [
    "Map '{0}' is a static key: programs can only branch on it.",
    'Switch it from outside, or use a global variable.',
  ],
  'mem.context_store_imm': [
    'This kernel cannot store a constant to R{0} ({1}).',
    'Store a variable, or compile for an older instruction set (`-mcpu=v3`).',
  ],
  'stack.variable_out_of_bounds_older': [
    'An index into the stack may lead outside of it (R{1}).',
    'Limit the index to the array before it is used.',
  ],
};
