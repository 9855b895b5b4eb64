import { helperContract, operationsThatMay } from '../../../abi/index.ts';
import { BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL } from '../../../isa/index.ts';
import { BASE_TYPE_MASK, PTR_TO_CTX, TYPE } from '../../state/layout.ts';
import { calledName, isCall } from '../insn.ts';
import { plainCause } from './plain-cause.ts';
import { memoryCauses } from './memory.ts';
import {
  type Cause,
  type CauseTable,
  lastInsn,
  lastWord,
  number,
  register,
  type Situation,
  text,
} from './cause.ts';

const reg = (s: Situation, n = 0) => `R${number(s, n)}`;

/** Causes of rejected calls. */
export const callCauses: CauseTable = {
  'call.invalid_func': unknownHelper,
  'call.packet_access': packetArgument,
  'call.wrong_program_type': (s) => ({
    problem:
      `Programs of this type (or this loader's privileges) do not have the helper ` +
      `${text(s, 0)}().`,
    advice: [`\`beeyard proto ${text(s, 0)}\` lists the program types that have it.`],
  }),
  'call.gpl_only': () => ({
    problem: 'The helper is only for programs under a GPL-compatible licence.',
    advice: ['`char LICENSE[] SEC("license") = "GPL";` if that is your licence.'],
  }),
  'call.might_sleep': () => ({
    problem: 'The helper may sleep, but this program may not.',
    advice: ['Use a sleepable section (`.s`) where the program type has one.'],
  }),
  'call.reg_type': argumentType,
  'mem.helper_pointer': argumentType,
  'call.possibly_null': (s) => ({
    problem: `${argumentName(s, number(s, 0))} may be NULL here.`,
    subject: register(s, number(s, 0)),
    advice: ['Check the pointer before the call: `if (!p) return 0;`'],
  }),
  'call.leaks_address': (s) => ({
    problem:
      `The call would hand the kernel address in ${reg(s)} out; this loader may not see ` +
      `kernel addresses.`,
    subject: register(s, number(s, 0)),
    advice: ['Pass a number, or load with CAP_PERFMON.'],
  }),
  'call.unknown_constant': (s) => ({
    problem: `${reg(s)} must be a constant that is known when the program is loaded.`,
    subject: register(s, number(s, 0)),
    advice: ['Pass a literal, or a `const volatile` global set before the load.'],
  }),
  'call.btf_type': (s) => ({
    problem: `${reg(s)} points to ${text(s, 1)}, but the function takes ${text(s, 2)}.`,
    subject: register(s, number(s, 0)),
    advice: ['Pass an object of the type the function is for.'],
  }),
  'map_call.incompatible': (s) => ({
    problem: `${text(s, 1)}() does not work on this type of map.`,
    advice: ['Use the helper meant for the map type, or another map type.'],
  }),
  'subprog.reference_leak': referenceLeak,
  'subprog.stack_combined': (s) => ({
    ...deepest(s),
    problem:
      `The functions that call each other here need ${number(s, 1)} bytes of stack in all; ` +
      'there are 512.',
    advice: [
      stackTable(s),
      'Move large variables to a per-CPU array map, or let fewer functions nest.',
    ],
  }),
  'subprog.call_stack': (s) => ({
    problem: `More than 8 functions call one another here (${number(s, 0)}).`,
    advice: ['Let the compiler put functions in place (`__always_inline`), or nest fewer.'],
  }),
  'subprog.global_with_lock': () => ({
    problem: 'A global function is called while a spin lock is held.',
    advice: ['Make the function static, or call it outside of the lock.'],
  }),
  'subprog.expects_nonnull': (s) => ({
    problem: `Argument ${number(s, 0) + 1} of the global function may be NULL, its tag says never.`,
    subject: register(s, number(s, 0) + 1),
    advice: ['Check the pointer before the call.'],
  }),
  'reference.must_be_referenced': (s) => ({
    problem:
      `${reg(s)} holds nothing that could be released: it was not acquired, or released ` +
      `before.`,
    subject: register(s, number(s, 0)),
    advice: ['Release each object exactly once, through the pointer the acquiring call returned.'],
  }),
  'dynptr.initialized': (s) => ({
    problem: `${argumentName(s, number(s, 0) + 1)} must be a dynptr that was set up before.`,
    subject: register(s, number(s, 0) + 1),
    advice: ['Call bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr() or a like function first.'],
  }),
  'dynptr.overwrites_referenced': () => ({
    problem: 'The dynptr that would be overwritten still owns something.',
    advice: ['Submit or discard it first.'],
  }),
  'subprog.invalid_args': brokenContract,
  'return.out_of_range': (s) => ({
    problem:
      `The program may return another value than its type allows: ${number(s, 3)} to ` +
      `${number(s, 4)}.`,
    subject: register(s, Number(text(s, 1).slice(1))),
    advice: ['Return one of the values the hook knows, on every path; limit what is computed.'],
  }),
  'return.older_out_of_range': (s) => ({
    problem: `The program may return another value than its type allows: ${text(s, 3)}.`,
    subject: register(s, Number(text(s, 1).slice(1))),
    advice: ['Return one of the values the hook knows, on every path; limit what is computed.'],
  }),
  'return.older_not_known': (s) => ({
    problem: `What is returned in R${number(s, 1)} is no number (${text(s, 2)}).`,
    subject: register(s, number(s, 1)),
    advice: ['Return one of the values the hook knows.'],
  }),
  'return.not_known': (s) => ({
    problem: `What is returned in R${number(s, 1)} is no number (${text(s, 2)}).`,
    subject: register(s, number(s, 1)),
    advice: ['Return one of the values the hook knows.'],
  }),
  'return.leaks_address': (s) => ({
    problem: `The program would return the kernel address in ${reg(s)}.`,
    subject: register(s, number(s, 0)),
    advice: ['Return a number.'],
  }),
  'kfunc.not_gpl': (s) => ({
    ...firstKfunc(s),
    problem: 'Kernel functions are for programs under a GPL-compatible licence.',
    advice: ['`char LICENSE[] SEC("license") = "GPL";` if that is your licence.'],
  }),
  'kfunc.device_bound': (s) => ({
    ...firstKfunc(s),
    problem: 'The metadata functions of XDP are for programs bound to a device.',
    advice: ['Load with BPF_F_XDP_DEV_BOUND_ONLY and the interface.'],
  }),
  'kfunc.no_btf': (s) => ({
    ...firstKfunc(s),
    problem: 'There is no type information in which the kernel function could be found.',
    advice: ['The kernel needs CONFIG_DEBUG_INFO_BTF, and the module that has it must be loaded.'],
  }),
  'subprog.tail_call_depth': (s) => ({
    ...deepest(s),
    problem:
      `A function that does tail calls is called with ${number(s, 0)} bytes of stack in use; ` +
      'at most 256 are possible then.',
    advice: ['Move large variables to a map, or do the tail call in the main program.'],
  }),
  'subprog.stack_of_one': (s) => ({
    at: s.env.subprogs[number(s, 0)]?.start ?? 0,
    problem: `A function needs ${number(s, 1)} bytes of stack; there are 512.`,
    advice: ['Move large variables to a per-CPU array map.'],
  }),
  'kfunc.not_allowed': (s) => ({
    problem: `Programs of this type may not call ${text(s, 0)}().`,
    advice: [
      `\`beeyard proto ${text(s, 0)}\` lists the program types that may, ` +
        '`beeyard kfuncs --prog` what this one may.',
    ],
  }),
  'extension.kfunc_not_allowed': (s) => ({
    problem:
      `Linux 6.12 loads this program, but ${text(s, 0)}() fails when it runs in ${text(s, 1)}: ` +
      `it wants ${text(s, 2)}, and there ${text(s, 3)} is set. sched_ext would stop the scheduler.`,
    advice: [
      `Call it in ${operationsThatMay(text(s, 0), s.env.profile.modules).join(', ')}.`,
      '`beeyard kfuncs --prog TABLE.MEMBER` lists what an operation may call.',
    ],
  }),
  'extension.kfunc_not_portable': (s) => ({
    problem:
      `${text(s, 0)}() is defined with properties of single arguments (or operations) that ` +
      'Linux has no suffix and no flag for.',
    advice: ['`beeyard kfunc define FILE` says which; without --portable it is loaded here.'],
  }),
  'kfunc.possibly_null': (s) => ({
    problem: `${argumentName(s, number(s, 0) + 1)} may be NULL, and the function takes no NULL.`,
    subject: register(s, number(s, 0) + 1),
    advice: ['Check the pointer before the call: `if (!p) return 0;`'],
  }),
  'kfunc.not_trusted': (s) => ({
    problem: `${reg(s)} is a pointer the kernel does not vouch for: the object may be gone.`,
    subject: register(s, number(s, 0)),
    advice: [
      'Pass what a hook or an acquiring function gave; pointers read out of structs need a ' +
        'reference of their own (bpf_task_acquire() and its kind).',
    ],
  }),
  'kfunc.not_rcu': (s) => ({
    problem: `${reg(s)} is not protected by RCU: the object may be gone.`,
    subject: register(s, number(s, 0)),
    advice: ['Read and use the pointer between bpf_rcu_read_lock() and bpf_rcu_read_unlock().'],
  }),
  'kfunc.sleepable': (s) => ({
    problem: `${text(s, 0)}() may sleep, but this program may not.`,
    advice: ['Use a sleepable section (`.s`) where the program type has one.'],
  }),
  'iter.uninitialized': (s) => ({
    problem: `The iterator was not started (or is destroyed already) on this path.`,
    subject: register(s, number(s, 1) + 1),
    advice: ['Call its new function first, and destroy it exactly once; bpf_for_each() does both.'],
  }),
  'iter.initialized': (s) => ({
    problem: 'The iterator is started a second time.',
    subject: register(s, number(s, 1) + 1),
    advice: ['Destroy it before it is started again.'],
  }),
  'lock.two': () => ({
    problem: 'A second spin lock is taken while one is held.',
    advice: ['Release the first lock before.'],
  }),
  'lock.not_taken': () => ({
    problem: 'A spin lock is released that is not held on this path.',
    advice: ['Take and release the lock on the same paths.'],
  }),
  'region.unmatched_rcu': () => ({
    problem: 'An RCU read section is left that was not entered on this path.',
    advice: ['Pair bpf_rcu_read_lock() and bpf_rcu_read_unlock() on every path.'],
  }),
  'region.unmatched_preempt': () => ({
    problem: 'Preemption is enabled though it was not disabled on this path.',
    advice: ['Pair bpf_preempt_disable() and bpf_preempt_enable() on every path.'],
  }),
};

/** What libbpf writes in place of things it did not find: CO-RE relocations, maps, functions. */
const POISONED_RELOCATION = 0xbad2310;
const POISONED_MAPS = 2_001_000_000;
const POISONED_FUNCTIONS = 2_002_000_000;
const MOST_POISONED = 100_000;

/** A helper that does not exist; mostly one that libbpf made up for what it did not find. */
function unknownHelper(s: Situation): Cause {
  const helper = number(s, 1);
  const id = 'loader-or-btf' as const;
  if (helper === POISONED_RELOCATION) {
    return {
      id,
      problem:
        'The program needs a field, type or enumerator that the target kernel does not have, on ' +
        'a path that can be reached.',
      advice: ['Guard the access with bpf_core_field_exists() or bpf_core_type_exists().'],
    };
  }
  if (helper >= POISONED_FUNCTIONS && helper < POISONED_FUNCTIONS + MOST_POISONED) {
    return {
      id,
      problem:
        'The program calls a weak kernel function that the target kernel does not have, on a ' +
        'path that can be reached.',
      advice: ['Guard the call with bpf_ksym_exists(function).'],
    };
  }
  if (helper >= POISONED_MAPS && helper < POISONED_MAPS + MOST_POISONED) {
    return {
      id,
      problem: 'The program uses a map that the loader did not create.',
      advice: ['Let the loader create it (autocreate), or guard what uses it.'],
    };
  }
  return {
    problem: `The kernel has no helper number ${helper}.`,
    advice: ['Check the kernel version the program was written for.'],
  };
}

/** A packet pointer as an argument: instead of the context, or of memory the helper may see. */
function packetArgument(s: Situation): Cause {
  const { env } = s;
  const contract = helperContract(env.code.imm[Math.max(lastInsn(s), 0)]!);
  const isContext = contract?.args[0]?.kind === 'ctx';
  const base = (lastWord(s, 1, TYPE) ?? 0) & BASE_TYPE_MASK;
  if (isContext && base !== PTR_TO_CTX && base !== 0) {
    return {
      id: 'helper-argument-type',
      problem: 'The first argument must be the context, but it is something else.',
      subject: register(s, 1),
      advice: ['Pass `ctx` as the program got it.'],
    };
  }
  return {
    problem: 'This program type may not hand the packet itself to this helper.',
    advice: ['Copy what is needed to the stack and pass that.'],
  };
}

function argumentType(s: Situation): Cause {
  const expected = s.message.args[2];
  const words = Array.isArray(expected) ? expected.join(', ') : String(expected);
  const mayBeNull = /_or_null|or_null_/.test(text(s, 1));
  return {
    ...(mayBeNull && { id: 'null-check-missing' as const }),
    problem:
      `${argumentName(s, number(s, 0))} is ${kindText(text(s, 1))}, but must be` +
      `${expectedText(words)}.`,
    subject: register(s, number(s, 0)),
    advice: [
      'Look at the order of the arguments and at where this one came from.',
      ...(mayBeNull ? ['Check it for NULL first: `if (!p) return 0;`'] : []),
    ],
  };
}

/** Long lists of kinds mean memory. */
const expectedText = (words: string) =>
  /^fp$|\bfp\b.*\bmap_value\b/.test(words) ? ' a pointer to memory' : `: ${words}`;

const kindText = (kind: string) => (kind === 'scalar' ? 'a number' : `of kind ${kind}`);

/** "Argument 2 ('key') of bpf_map_lookup_elem()". */
function argumentName(s: Situation, n: number): string {
  const insn = Math.max(lastInsn(s), 0);
  const name = calledName(s.env, insn);
  const arg =
    s.env.code.src[insn] === 0 ? helperContract(s.env.code.imm[insn]!)?.args[n - 1] : undefined;
  return `Argument ${n}${arg?.name ? ` (${arg.name})` : ''}${name ? ` of ${name}()` : ''}`;
}

/** How to give back what a function acquired, by its name. */
const RELEASES: readonly (readonly [name: RegExp, release: string])[] = [
  [/^bpf_ringbuf_reserve$/, 'bpf_ringbuf_submit() or bpf_ringbuf_discard()'],
  [/^bpf_ringbuf_reserve_dynptr$/, 'bpf_ringbuf_submit_dynptr() or bpf_ringbuf_discard_dynptr()'],
  [/^bpf_(sk_lookup|skc_lookup|map_lookup_elem|sk_)/, 'bpf_sk_release()'],
  [/^bpf_task_|^bpf_get_current_task/, 'bpf_task_release()'],
  [/^bpf_cgroup_/, 'bpf_cgroup_release()'],
  [/^bpf_cpumask_/, 'bpf_cpumask_release()'],
  [/^bpf_(percpu_)?obj_new|^bpf_(list_pop|rbtree_remove|refcount_acquire)/, 'bpf_obj_drop()'],
  [/^bpf_iter_(\w+)_new$/, "the iterator's destroy function (bpf_for_each() calls it itself)"],
  [/^bpf_get_task_exe_file$/, 'bpf_put_file()'],
  [/^bpf_kptr_xchg$/, "the release function of the object's type"],
];

function referenceLeak(s: Situation): Cause {
  const insn = number(s, 1);
  const name = calledName(s.env, insn);
  const release = RELEASES.find(([pattern]) => pattern.test(name))?.[1];
  const what = name ? `${name}()` : `instruction ${insn}`;
  return {
    problem: `What ${what} acquired is not released on this path.`,
    since: { insn, what: 'acquired here' },
    advice: [`Call ${release ?? 'its release function'} on every path, also before early returns.`],
  };
}

/** The call of a global function: the words before the last say what is wrong with it. */
function brokenContract(s: Situation): Cause {
  const { messages } = s.path;
  const before = messages.findLast(({ code }) => code !== s.message.code && !NOISE.test(code));
  const inner = before ? causeOfWords({ ...s, message: before }) : undefined;
  return {
    problem:
      `The call of ${text(s, 1)}() does not keep to its prototype` +
      `${inner ? `: ${inner.problem}` : '.'}`,
    ...(inner?.subject && { subject: inner.subject }),
    advice: ['Global functions are verified by their prototype alone: pass exactly what it names.'],
  };
}

/** What a message means that is not about a call. */
const causeOfWords = (s: Situation): Cause => memoryCauses[s.message.code]?.(s) ?? plainCause(s);

const NOISE =
  /^(precision|prune|subprog\.call(er|ee)$|flow\.(validating|subprogram|processed|time|stack))/;

/** The function that needs the most stack: where it begins, and its first call of another. */
function deepest({ env }: Situation): Pick<Cause, 'at' | 'blame'> {
  const most = Math.max(...env.subprogs.map(({ stackDepth }) => stackDepth));
  const index = env.subprogs.findIndex(({ stackDepth }) => stackDepth === most);
  const start = env.subprogs[index]?.start ?? 0;
  const end = env.subprogs[index + 1]?.start ?? env.length;
  for (let insn = start; insn < end; insn++) {
    if (isCall(env, insn) && env.code.src[insn] === BPF_PSEUDO_CALL)
      return { at: insn, blame: start };
  }
  return { at: start };
}

/** Bytes by function, the largest first. */
function stackTable({ env }: Situation): string {
  const all = env.subprogs.map(({ name, start, stackDepth }) => ({
    name: name || `function at ${start}`,
    stackDepth,
  }));
  const sorted = all.filter(({ stackDepth }) => stackDepth > 0);
  sorted.sort((a, b) => b.stackDepth - a.stackDepth);
  const list = sorted.slice(0, 6).map(({ name, stackDepth }) => `${name} ${stackDepth}`);
  return `Bytes of stack by function: ${list.join(', ')}.`;
}

/** The first call of a kernel function, for words that name none. */
function firstKfunc({ env }: Situation): Pick<Cause, 'at'> {
  for (let insn = 0; insn < env.length; insn++) {
    if (isCall(env, insn) && env.code.src[insn] === BPF_PSEUDO_KFUNC_CALL) return { at: insn };
  }
  return {};
}
