/** Words of other kernels than 6.12 for the same things. */
export interface Dialect {
  readonly code: string;
  readonly regex: RegExp;
  /** Arguments of the message, from the groups of the expression. */
  readonly args: (groups: readonly string[]) => readonly unknown[];
}

const number = (text: string) => (/^-?\d+$/.test(text) ? Number(text) : text);
const asTheyStand: Dialect['args'] = (groups) => groups.map((one) => number(one ?? ''));
const entry = (code: string, regex: RegExp, args = asTheyStand): Dialect => ({ code, regex, args });

/** libbpf's numbers for what cannot be: a failed CO-RE relocation, a kernel function, a map. */
const RELOCATION = ['unknown', 0xbad2310];
const KFUNC = ['unknown', 2_002_000_000];
const MAP = ['unknown', 2_001_000_000];

/** `libbpf` rewrites the end of the log where it knows more than the kernel. */
const LIBBPF: readonly Dialect[] = [
  entry('call.invalid_func', /^<invalid CO-RE relocation>$/, () => RELOCATION),
  entry('call.invalid_func', /^failed to resolve CO-RE relocation /, () => RELOCATION),
  entry('call.invalid_func', /^<invalid BPF map reference>$/, () => MAP),
  entry('call.invalid_func', /^BPF map '.*' is referenced but wasn't created$/, () => MAP),
  entry(
    'call.invalid_func',
    /^<missing kernel (?:BTF )?kfunc.*>$|^<invalid kfunc call>$/,
    () => KFUNC,
  ),
  entry('call.invalid_func', /^kfunc '.*' is referenced but wasn't resolved$/, () => KFUNC),
];

/** Kernels before 6.12. */
const OLDER: readonly Dialect[] = [
  entry('mem.invalid_access', /^R(\d+) invalid mem access 'inv'$/, ([reg]) => [
    Number(reg),
    'scalar',
  ]),
  entry('call.reg_type', /^R(\d+) type=inv expected=(.*)$/, ([reg, expected]) => [
    Number(reg),
    'scalar',
    expected!.split(', '),
  ]),
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
    'stack.uninit_variable_range',
    /^invalid indirect read from stack var_off (\(.*\))\+(\d+) size (\d+)$/,
    ([off, i, size]) => [' indirect', 0, off, Number(i), Number(size)],
  ),
  entry('stack.unbounded', /^R(\d+) unbounded indirect variable offset stack access$/, ([reg]) => [
    ' indirect access to',
    Number(reg),
  ]),
  entry(
    'stack.variable_out_of_bounds',
    /^variable stack (?:read|write|access)(?: R(\d+))? var_off=(\(.*\)) off=(-?\d+) size=(\d+)$/,
    ([reg, varOff, off, size]) => ['', Number(reg ?? 10), varOff, Number(off), Number(size)],
  ),
  entry('mem.size_zero', /^R(\d+) invalid zero-sized read$/, ([reg]) => [Number(reg), '0', '0']),
  entry(
    'alu.pointer_maybe_null',
    /^R(\d+) pointer arithmetic on PTR_TO_(\w+)_OR_NULL prohibited, null-check it first$/,
    ([reg, type]) => [Number(reg), `${type!.toLowerCase()}_or_null`],
  ),
  entry(
    'alu.pointer_type',
    /^R(\d+) pointer arithmetic on (?:CONST_)?PTR_TO_(\w+) prohibited$/,
    ([reg, type]) => [Number(reg), type!.toLowerCase()],
  ),
  entry('call.wrong_program_type', /^unknown func (\w+)#(\d+)$/),
  entry('call.gpl_only', /^cannot call GPL only function from proprietary program$/),
  entry(
    'return.out_of_range',
    /^(At .*) the register (R\d+) has (value \(.*\)|unknown .*) should have been in \((.*)\)$/,
    ([place, reg, found, range]) => [place, reg, ` ${found}`, ...limits(range!)],
  ),
  entry('flow.jumps_too_complex', /^BPF program is too complex$/, () => [1024]),
  entry(
    'mem.modified_pointer',
    /^dereference of modified (\S+) ptr R(\d+) off=(-?\d+).*ctx\+const is allowed/,
  ),
  entry('mem.variable_pointer', /^variable (\S+) access var_off=(\(.*\))$/),
  entry('kfunc.not_trusted', /^R(\d+) must be referenced(?: when passed to release function)?$/),
  entry('region.unmatched_rcu', /^unmatched rcu read unlock$/, () => ['bpf_rcu_read_unlock']),
];

/** Kernels after 6.12: what a section forbids is told of the instruction that leaves it. */
const NEWER: readonly Dialect[] = [
  entry(
    'flow.exit_under_lock',
    /^.+ cannot be used inside bpf_(?:res_)?spin_lock-ed region$/,
    () => [],
  ),
  entry('flow.exit_under_rcu', /^.+ cannot be used inside bpf_rcu_read_lock-ed region$/, () => []),
  entry(
    'flow.exit_without_preemption',
    /^.+ cannot be used inside bpf_preempt_disable-ed region$/,
    () => [1],
  ),
  entry(
    'flow.exit_without_preemption',
    /^.+ cannot be used inside bpf_local_irq_save-ed region$/,
    () => [1],
  ),
  entry('call.might_sleep', /^sleepable helper \S+ in non-sleepable (?:prog|context)$/),
  entry('kfunc.possibly_null', /^Possibly NULL pointer passed to trusted R(\d+)$/, ([reg]) => [
    Number(reg) - 1,
  ]),
  entry(
    'kfunc.sleepable',
    /^kernel func (\S+) is sleepable within (?:IRQ-disabled|non-preemptible) region$/,
  ),
];

function limits(text: string): [number, number] {
  const match = /^(-?(?:0x)?[0-9a-f]+)(?:[;,] (-?(?:0x)?[0-9a-f]+))?$/.exec(text);
  const low = Number(match?.[1] ?? 0);
  return [low, Number(match?.[2] ?? low)];
}

/** In the order they are tried, after the words of 6.12. */
export const dialects: readonly Dialect[] = [...LIBBPF, ...OLDER, ...NEWER];
