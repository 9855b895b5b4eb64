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
  'reference.leak': (s) => ({
    problem: `What the call at instruction ${number(s, 1)} acquired is not released on this path.`,
    advice: [
      'Release it (bpf_sk_release(), bpf_ringbuf_discard(), …) on every path, also ' +
        'before early returns.',
    ],
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
  'return.range': (s) => ({
    problem: `What the program returns is not one of the values its type allows: ${s.message.text}`,
    subject: register(s, 0),
    advice: ['Return one of the values the hook knows, on every path.'],
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
