import { syscallNumbers } from '../../abi/syscalls.ts';
import { KernelError } from '../../base/index.ts';
import type { ProgramSpec } from '../../object/index.ts';
import type { MachineProgram } from '../program.ts';
import type { KernelPlaces } from '../subsystem.ts';

/** The kernel calls `bpf_prog_test_run_tracing` makes: name, arguments, result (net/bpf). */
export const TEST_FUNCTIONS: readonly (readonly [string, readonly number[], number])[] = [
  ['bpf_fentry_test1', [1], 2],
  ['bpf_fentry_test2', [2, 3], 5],
  ['bpf_fentry_test3', [4, 5, 6], 15],
  ['bpf_fentry_test4', [7, 8, 9, 10], 34],
  ['bpf_fentry_test5', [11, 12, 13, 14, 15], 65],
  ['bpf_fentry_test6', [16, 17, 18, 19, 20, 21], 111],
  ['bpf_fentry_test7', [0], 0],
  // Pointers to variables of that function: the machine has none there, so both read as zeros.
  ['bpf_fentry_test8', [0], 0],
  ['bpf_fentry_test9', [0], 0],
];

/** Prefix of the functions of system calls on x86-64. */
const SYSCALL_FUNCTION = '__x64_sys_';
const testFunctions = new Set(TEST_FUNCTIONS.map(([name]) => name));

/** Where programs hang on: a word of HOOKS or 'tracepoint', a space, the name. */
export type HookName = string;

/** Kinds of hooks, by what a section starts with. */
const HOOKS: Readonly<Record<string, string>> = {
  fentry: 'fentry',
  'fentry.s': 'fentry',
  fexit: 'fexit',
  'fexit.s': 'fexit',
  tp_btf: 'raw',
  raw_tp: 'raw',
  raw_tracepoint: 'raw',
  kprobe: 'kprobe',
};

/** The hook a program is for. Throws KernelError where this machine never comes by. */
export function hookOf(
  { name, section, type, attachTarget }: ProgramSpec,
  places: KernelPlaces | undefined,
): HookName {
  const refuse = (why: string) =>
    new KernelError('EOPNOTSUPP', 95, `program '${name}' (${section}): ${why}`);
  if (attachTarget === undefined) throw refuse('the section does not say where it is to run');
  if (type === 'tracepoint') {
    if (isSyscallTracepoint(attachTarget)) return `tracepoint ${attachTarget}`;
    throw refuse('this machine has only the tracepoints of system calls');
  }
  const word = section.replace(/^\?/, '').replace(/\/.*/, '');
  const kind = HOOKS[word];
  if (kind === undefined) throw refuse(`this machine has no hooks for ${word}`);
  const there = kind === 'raw' ? isRawTracepoint(attachTarget) : isFunction(attachTarget);
  if (there || isPlace(kind, attachTarget, places)) return `${kind} ${attachTarget}`;
  const others = [...(places?.tracepoints ?? []), ...(places?.functions ?? [])].join(', ');
  throw refuse(
    `this machine never comes by ${attachTarget}, only by system calls and (no fexit) ${others}`,
  );
}

/** Functions there give away what they got before they return: they have no fexit. */
function isPlace(kind: string, name: string, places: KernelPlaces | undefined): boolean {
  if (kind === 'raw') return places?.tracepoints.has(name) === true;
  return kind !== 'fexit' && places?.functions.has(name) === true;
}

const isRawTracepoint = (name: string): boolean => name === 'sys_enter' || name === 'sys_exit';

const isFunction = (name: string): boolean =>
  testFunctions.has(name) ||
  (name.startsWith(SYSCALL_FUNCTION) && syscallNumbers.has(name.slice(SYSCALL_FUNCTION.length)));

function isSyscallTracepoint(name: string): boolean {
  const match = /^syscalls\/sys_(?:enter|exit)_(\w+)$/.exec(name);
  return match !== null && syscallNumbers.has(match[1]!);
}

/** Programs by hook, in the order they came. */
export class Hooks {
  readonly #programs = new Map<HookName, Set<MachineProgram>>();

  /** Throws KernelError EBUSY for a program that is there already. */
  add(hook: HookName, program: MachineProgram): () => void {
    let there = this.#programs.get(hook);
    if (!there) this.#programs.set(hook, (there = new Set()));
    if (there.has(program)) {
      throw new KernelError('EBUSY', 16, `program '${program.spec.name}' is attached already`);
    }
    there.add(program);
    return () => there.delete(program);
  }

  at(hook: HookName): Iterable<MachineProgram> {
    return this.#programs.get(hook) ?? [];
  }
}
