import { operationsThatMay } from '../../../abi/index.ts';
import { type CauseTable, number, register, type Situation, text } from './cause.ts';

const reg = (s: Situation, n = 0) => `R${number(s, n)}`;

/** Causes of rejected calls. */
export const callCauses: CauseTable = {
  'call.invalid_func': (s) =>
    number(s, 1) === 0xbad2310
      ? {
          problem:
            'The program reads a field or type that the target kernel does not have, on ' +
            'a path that can be reached.',
          advice: ['Guard the access with bpf_core_field_exists() or bpf_core_type_exists().'],
        }
      : {
          problem: `The kernel has no helper number ${number(s, 1)}.`,
          advice: ['Check the kernel version the program was written for.'],
        },
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
    problem: `Argument ${number(s, 0)} may be NULL here.`,
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
  'subprog.reference_leak': (s) => ({
    problem: `What the call at instruction ${number(s, 1)} acquired is not released on this path.`,
    since: { insn: number(s, 1), what: 'acquired here' },
    advice: [
      'Release it (bpf_sk_release(), bpf_ringbuf_discard(), …) on every path, ' +
        'also before early returns.',
    ],
  }),
  'subprog.stack_combined': (s) => ({
    problem:
      `The functions that call each other here need ${number(s, 1)} bytes of stack in all; ` +
      'there are 512.',
    advice: ['Move large variables to a per-CPU array map, or let fewer functions nest.'],
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
    problem: `Argument ${number(s, 0)} must be a dynptr that was set up before.`,
    advice: ['Call bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr() or a like function first.'],
  }),
  'dynptr.overwrites_referenced': () => ({
    problem: 'The dynptr that would be overwritten still owns something.',
    advice: ['Submit or discard it first.'],
  }),
  'subprog.invalid_args': (s) => ({
    problem: `The call of ${text(s, 1)}() passes something else than its C type says.`,
    advice: ['Global functions are verified by their prototype alone: pass exactly what it names.'],
  }),
  'return.out_of_range': (s) => ({
    problem:
      `The program may return another value than its type allows: ${number(s, 3)} to ` +
      `${number(s, 4)}.`,
    subject: register(s, Number(text(s, 1).slice(1))),
    advice: ['Return one of the values the hook knows, on every path; limit what is computed.'],
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
  'kfunc.possibly_null': (s) => ({
    problem: `Argument ${number(s, 0) + 1} may be NULL, and the function does not take NULL.`,
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

function argumentType(s: Situation) {
  const expected = s.message.args[2];
  const words = Array.isArray(expected) ? expected.join(', ') : String(expected);
  return {
    problem: `Argument ${number(s, 0)} is of kind ${text(s, 1)}, but the function takes: ${words}.`,
    subject: register(s, number(s, 0)),
    advice: [
      'Look at the order of the arguments and at where this one came from.',
      ...(text(s, 1).includes('or_null') ? ['Check it for NULL first: `if (!p) return 0;`'] : []),
    ],
  };
}
