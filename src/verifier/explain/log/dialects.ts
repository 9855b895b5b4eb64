/** Words of other kernels than 6.12 for the same things. */
export interface Dialect {
  readonly code: string;
  readonly regex: RegExp;
  /** Arguments of the message, from the groups of the expression. */
  readonly args: (groups: readonly string[]) => readonly unknown[];
}

const asTheyStand = (groups: readonly string[]) => groups;
const numbers = (groups: readonly string[]) => groups.map(Number);
const entry = (code: string, regex: RegExp, args: Dialect['args'] = asTheyStand): Dialect => ({
  code,
  regex,
  args,
});

/** libbpf's number for what a failed CO-RE relocation leaves, and for kernel functions. */
const POISON = 0xbad2310;
const NO_KFUNC = 2_002_000_000;

/** `libbpf` rewrites the end of the log where it knows more than the kernel. */
const LIBBPF: readonly Dialect[] = [
  entry('call.invalid_func', /^<invalid CO-RE relocation>$/, () => ['unknown', POISON]),
  entry('call.invalid_func', /^failed to resolve CO-RE relocation (.*)$/, () => [
    'unknown',
    POISON,
  ]),
  entry('call.invalid_func', /^kernel function '(.*)' is not found in/, () => [
    'unknown',
    NO_KFUNC,
  ]),
  entry('call.invalid_func', /^<missing kernel BTF for kfunc.*>$/, () => ['unknown', NO_KFUNC]),
  entry('call.invalid_func', /^BPF map '(.*)' is referenced but wasn't created$/, () => [
    'unknown',
    2_001_000_000,
  ]),
];

/** Kernels before 6.12. */
const OLDER: readonly Dialect[] = [
  entry('mem.invalid_access', /^R(\d+) invalid mem access 'inv'$/, ([reg]) => [reg, 'scalar']),
  // 5.0 to 5.17: pointers of the kernel had no kind of their own in the words.
  entry(
    'mem.packet_bounds',
    /^invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=(\d+),off=(-?\d+),r=(-?\d+)\)$/,
    ([off, size, reg, id, , range]) => [off, size, reg, id, range].map(Number),
  ),
  entry(
    'stack.out_of_bounds',
    /^invalid stack (?:type )?R(\d+) off=(-?\d+) (?:access_)?size=(-?\d+)$/,
    ([reg, off, size]) => ['', Number(reg), Number(off), Number(size)],
  ),
  entry(
    'stack.uninit_range',
    /^invalid indirect read from stack off (-?\d+)\+(\d+) size (\d+)$/,
    ([off, i, size]) => [' indirect', 0, Number(off), Number(i), Number(size)],
  ),
  entry(
    'stack.uninit_range',
    /^invalid( indirect)? read from stack R(\d+) off (-?\d+)\+(\d+) size (\d+)$/,
    ([indirect, reg, off, i, size]) => [indirect ?? '', ...[reg, off, i, size].map(Number)],
  ),
  entry(
    'stack.uninit_variable_range',
    /^invalid indirect read from stack var_off (\(.*\))\+(\d+) size (\d+)$/,
    ([off, i, size]) => [' indirect', 0, off, Number(i), Number(size)],
  ),
  entry('stack.unbounded', /^R(\d+) unbounded indirect variable offset stack access$/, ([reg]) => [
    ' indirect access to',
    Number(reg),
  ]),
  entry(
    'stack.variable_to_helper',
    /^variable stack access var_off=(\(.*\)) off=(-?\d+) size=(\d+)$/,
  ),
  entry(
    'stack.variable_out_of_bounds',
    /^variable stack (?:read|write|access) R(\d+) var_off=(\(.*\)) off=(-?\d+) size=(\d+)$/,
    ([reg, varOff, off, size]) => ['', Number(reg), varOff, Number(off), Number(size)],
  ),
  entry('stack.out_of_bounds', /^attempt to access beyond stack.*$/, () => ['', 10, 0, 0]),
  entry('mem.size_zero', /^R(\d+) invalid zero-sized read$/, ([reg]) => [Number(reg), '0', '0']),
  entry('alu.offset_constant', /^math between (\S+) pointer and (-?\d+) is not allowed$/),
  entry(
    'alu.pointer_type',
    /^R(\d+) pointer arithmetic (?:with \S+ operator )?(?:on|of) (\S+) prohibited$/,
    ([reg, type]) => [Number(reg), type],
  ),
  entry(
    'alu.pointer_maybe_null',
    /^R(\d+) pointer arithmetic on PTR_TO_MAP_VALUE_OR_NULL prohibited, null-check it first$/,
    ([reg]) => [Number(reg), 'map_value_or_null'],
  ),
  entry(
    'alu.pointer_type',
    /^R(\d+) pointer arithmetic on CONST_PTR_TO_MAP prohibited$/,
    ([reg]) => [Number(reg), 'map_ptr'],
  ),
  entry(
    'alu.pointer_type',
    /^R(\d+) pointer arithmetic on PTR_TO_PACKET_END prohibited$/,
    ([reg]) => [Number(reg), 'pkt_end'],
  ),
  entry('flow.back_edge', /^back-edge from insn (\d+) to (\d+)$/, numbers),
  entry('call.invalid_func', /^unknown func (\S+?)#(\d+)$/, ([name, id]) => [name, Number(id)]),
  entry('call.invalid_func', /^invalid func (\S+?)#(\d+)$/, ([name, id]) => [name, Number(id)]),
  entry('call.wrong_program_type', /^unknown func (bpf_\w+)#(\d+)$/, ([name, id]) => [
    name,
    Number(id),
  ]),
  entry('call.gpl_only', /^cannot call GPL only function from proprietary program$/),
  entry(
    'return.out_of_range',
    /^(At (?:program exit|async callback return|callback return)) the register (R\d+) has (?:value (\(.*\))|unknown scalar value)(?: .*)? should have been in \((.*)\)$/,
    ([place, reg, found, range]) => [place, reg, found ? ` value ${found}` : '', ...limits(range!)],
  ),
  entry(
    'return.not_known',
    /^At program exit the register R0 is not a known value \((.*)\)$/,
    ([type]) => ['At program exit', 0, type],
  ),
  entry(
    'flow.too_large',
    /^BPF program is too (?:complex|large)\.? Processed (\d+) insns?$/,
    numbers,
  ),
  entry('flow.jumps_too_complex', /^BPF program is too complex$/, () => [1024]),
  entry('flow.jumps_too_complex', /^The sequence of (\d+) jumps is too complex\.?$/, numbers),
  entry(
    'subprog.stack_combined',
    /^combined stack size of (\d+) calls is (\d+)\. Too large$/,
    numbers,
  ),
  entry('subprog.reference_leak', /^Unreleased reference id=(\d+) alloc_insn=(\d+)$/, numbers),
  entry('flow.calls_under_lock', /^function calls are not allowed while holding a lock$/),
  entry(
    'mem.modified_pointer',
    /^dereference of modified (\S+) ptr R(\d+) off=(-?\d+)(?:\+\d+)?(?:,? disallowed|, ctx\+const is allowed, ctx\+const\+const is not)$/,
    ([type, reg, off]) => [type, Number(reg), Number(off)],
  ),
  entry('mem.variable_pointer', /^variable (\S+) access var_off=(\(.*\))(?: disallowed)?$/),
  entry('call.possibly_null', /^R(\d+) pointer arithmetic on NULL.*$/, numbers),
  entry('call.reg_type', /^R(\d+) type=(\S+) expected=(.*)$/, ([reg, type, expected]) => [
    Number(reg),
    type === 'inv' ? 'scalar' : type,
    expected!.split(', '),
  ]),
  entry(
    'btf_access.beyond_struct',
    /^access beyond struct (\S+) at off (\d+) size (\d+)$/,
    ([name, off, size]) => [name, Number(off), Number(size)],
  ),
];

/** Kernels after 6.12. */
const NEWER: readonly Dialect[] = [
  entry('flow.exit_under_lock', /^bpf_spin_unlock(?:_\w+)? is missing.*$/),
  entry(
    'flow.exit_under_lock',
    /^(?:BPF_EXIT instruction in main prog|bpf_\w+|tail_call) (?:would lead to reference leak|cannot be used inside bpf_spin_lock-ed region)$/,
  ),
  entry(
    'flow.exit_under_rcu',
    /^(?:BPF_EXIT instruction in main prog|bpf_\w+) cannot be used inside bpf_rcu_read_lock-ed region$/,
  ),
  entry(
    'flow.exit_without_preemption',
    /^(?:BPF_EXIT instruction in main prog|bpf_\w+) cannot be used inside bpf_preempt_disable-ed region$/,
    () => [1],
  ),
  entry(
    'subprog.reference_leak',
    /^BPF_EXIT instruction in main prog would lead to reference leak$/,
    () => [0, 0],
  ),
  entry('kfunc.possibly_null', /^Possibly NULL pointer passed to trusted (?:arg|R)(\d+)$/, numbers),
  entry(
    'mem.unbounded',
    /^R(\d+) unbounded memory access, make sure to bounds check any such access$/,
    numbers,
  ),
  entry('prune.infinite_loop', /^infinite loop detected at insn (\d+)$/, numbers),
  entry(
    'call.wrong_program_type',
    /^program of this type cannot use helper (\w+)#(\d+)$/,
    ([name, id]) => [name, Number(id)],
  ),
  entry('kfunc.not_allowed', /^calling kernel function (\w+) is not allowed$/),
  entry('call.might_sleep', /^helper call might sleep in a non-sleepable prog$/),
  entry('call.might_sleep', /^sleepable helper \S+ in non-sleepable (?:prog|context)$/),
  entry('flow.too_large', /^BPF program is too large\. Processed (\d+) insn.*$/, numbers),
];

function limits(text: string): [number, number] {
  const match = /^(-?(?:0x)?[0-9a-f]+)(?:[;,] (-?(?:0x)?[0-9a-f]+))?$/.exec(text);
  const low = Number(match?.[1] ?? 0);
  return [low, Number(match?.[2] ?? low)];
}

/** In the order they are tried, after the words of 6.12. */
export const dialects: readonly Dialect[] = [...LIBBPF, ...OLDER, ...NEWER];
