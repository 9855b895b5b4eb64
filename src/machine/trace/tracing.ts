import { syscallNumbers } from '../../abi/syscalls.ts';
import { KernelError } from '../../base/index.ts';
import type {
  AttachOptions,
  KernelTask,
  RunOptions,
  RunResult,
  SyscallOptions,
  TaskOptions,
} from '../../kernel/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import { placeOf } from '../../verifier/finish/context/members.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import type { Attached, KernelPlaces, SavedSubsystem, Subsystem } from '../subsystem.ts';
import type { CgroupTree } from '../cgroup/tree.ts';
import { CgroupStructs, type StructParts } from './cgroup-structs.ts';
import { Hooks, type HookName, hookOf, TEST_FUNCTIONS } from './hooks.ts';
import { type KernelObject, KernelObjects } from '../objects/kernel-struct.ts';
import { linked } from './link.ts';
import { type Task, type TaskParts, Tasks } from './task.ts';

type Word = number | bigint;

interface CgroupParts {
  readonly path: string;
  readonly address: number;
  readonly struct: StructParts | undefined;
}

interface TracingParts {
  readonly tasks: TaskParts;
  readonly cgroups: readonly CgroupParts[];
}

/** Where x86-64 has the arguments of a system call (struct pt_regs), in their order. */
const ARGUMENT_REGISTERS = ['di', 'si', 'dx', 'r10', 'r8', 'r9'];
/** And those of a function. */
const FUNCTION_REGISTERS = ['di', 'si', 'dx', 'cx', 'r8', 'r9'];
/** Room for every context: struct pt_regs is the largest. */
const CONTEXT_BYTES = 168;
const TYPES: ReadonlySet<string> = new Set(['tracing', 'raw_tracepoint', 'tracepoint', 'kprobe']);
/** Attach types for which the kernel's own test calls functions (bpf_prog_test_run_tracing). */
const TESTED: ReadonlySet<string | undefined> = new Set(['trace_fentry', 'trace_fexit']);

/**
 * Programs at system calls: tp_btf, raw_tp, tracepoint, fentry, fexit and kprobe. The machine makes
 * no system calls of its own: `syscall` says that a task makes one, and what it gives back, and the
 * programs see that. Beside them the functions that BPF_PROG_TEST_RUN calls (bpf_fentry_test1..9),
 * and places that other subsystems come by.
 */
export class Tracing implements Subsystem {
  readonly #runtime: Runtime;
  readonly #hooks = new Hooks();
  readonly #objects: KernelObjects;
  readonly #tasks: Tasks;
  readonly #cgroups: CgroupTree;
  readonly #structs: CgroupStructs;
  /** Registers of the system call that is being made. */
  #registers: KernelObject | undefined;
  #noRegisters: KernelObject | undefined;
  readonly #places: () => KernelPlaces | undefined;

  constructor({ runtime, cgroups, settings: { rules, subsystems } }: Machine) {
    this.#runtime = runtime;
    this.#places = () => subsystems.find(({ places }) => places)?.places;
    this.#objects = new KernelObjects(runtime, rules);
    const structs = new CgroupStructs(this.#objects, rules);
    this.#structs = structs;
    this.#cgroups = cgroups;
    cgroups.makeStruct = (cgroup) => structs.make(cgroup);
    this.#tasks = new Tasks(runtime, this.#objects, cgroups, structs);
    if (!rules) return;
    runtime.host.currentTask = () => this.#tasks.current.struct.pointer;
    runtime.host.taskRegisters = (task) => this.#registersOf(task).pointer;
  }

  readonly saved: SavedSubsystem = {
    kinds: [],
    save: (freezer) => {
      freezer.addRoots(this.#tasks.roots());
      return freezer.value({ tasks: this.#tasks.parts, cgroups: this.#cgroupParts() });
    },
    layout: (json, thaw) => {
      const { tasks, cgroups } = thaw.value<TracingParts>(json);
      this.#resumeCgroups(cgroups);
      this.#tasks.resume(tasks);
      thaw.addRoots(this.#tasks.roots());
    },
    resume: () => {},
  };

  /** Cgroups that programs and maps know. */
  #cgroupParts(): readonly CgroupParts[] {
    return [...this.#cgroups.root.descendants()].flatMap((cgroup) => {
      const { madeOwner, path } = cgroup;
      const struct = this.#structs.partsOf(cgroup);
      return madeOwner ? [{ path, address: madeOwner.address, struct }] : [];
    });
  }

  #resumeCgroups(saved: readonly CgroupParts[]): void {
    for (const { path, address, struct } of saved) {
      const cgroup = this.#cgroups.make(path);
      const made = struct && this.#structs.resume(cgroup, struct);
      this.#cgroups.adoptOwner(cgroup, address, made);
    }
  }

  serves(programType: string): boolean {
    return TYPES.has(programType);
  }

  hook(program: MachineProgram, { device }: AttachOptions): Attached {
    if (device === undefined) return linked(program, this.#place(program));
    const text = `program '${program.spec.name}' of type ${program.type.name} sees no devices`;
    throw new KernelError('EINVAL', 22, text);
  }

  #place(program: MachineProgram): () => void {
    const places = this.#places();
    const hook = hookOf(program.spec, places);
    const [, name] = hook.split(' ') as [string, string];
    const remove = this.#hooks.add(hook, program);
    const known = places && (places.functions.has(name) || places.tracepoints.has(name));
    const leave = known ? places.use(this.#arrive) : undefined;
    return () => {
      remove();
      leave?.();
    };
  }

  readonly #arrive = (place: string, args: readonly Word[]): void => {
    this.#trigger(`raw ${place}`, args);
    if (!this.#places()!.functions.has(place)) return;
    this.#trigger(`kprobe ${place}`, this.#argumentRegisters(args));
    this.#trigger(`fentry ${place}`, args);
  };

  newTask(options: TaskOptions): KernelTask {
    return this.#tasks.make(options);
  }

  /** A task makes a system call. Throws KernelError ENOSYS. */
  syscall(name: string, { task, args = [], returns = 0 }: SyscallOptions): void {
    const number = syscallNumbers.get(name);
    if (number === undefined) throw new KernelError('ENOSYS', 38, `no system call '${name}'`);
    this.#tasks.as((task as Task | undefined) ?? this.#tasks.idle, () => {
      const outer = this.#registers;
      const registers = this.#objects.make('pt_regs');
      this.#registers = registers;
      try {
        this.#makeCall(name, number, args, registers, returns);
      } finally {
        this.#registers = outer;
        registers.free();
      }
    });
  }

  #makeCall(
    name: string,
    number: number,
    args: readonly Word[],
    registers: KernelObject,
    returns: Word,
  ): void {
    const objects = this.#objects;
    const { pointer } = registers;
    args.forEach((value, i) => objects.set(registers, ARGUMENT_REGISTERS[i]!, value));
    objects.set(registers, 'orig_ax', number);
    objects.set(registers, 'ax', -38);
    const six = ARGUMENT_REGISTERS.map((_, i) => args[i] ?? 0);
    this.#trigger('raw sys_enter', [pointer, number]);
    this.#trigger(`tracepoint syscalls/sys_enter_${name}`, [0, number, ...six]);
    this.#trigger(`kprobe __x64_sys_${name}`, this.#argumentRegisters([pointer]));
    this.#trigger(`fentry __x64_sys_${name}`, [pointer]);
    this.#trigger(`fexit __x64_sys_${name}`, [pointer, returns]);
    objects.set(registers, 'ax', returns);
    this.#trigger('raw sys_exit', [pointer, returns]);
    this.#trigger(`tracepoint syscalls/sys_exit_${name}`, [0, number, returns]);
  }

  /** Other CPUs are in no system call. */
  aside<Result>(work: () => Result): Result {
    const registers = this.#registers;
    this.#registers = undefined;
    try {
      return this.#tasks.running ? this.#tasks.as(this.#tasks.idle, work) : work();
    } finally {
      this.#registers = registers;
    }
  }

  run(program: MachineProgram, options: RunOptions): RunResult {
    const { spec, type } = program;
    const refuse = (code: string, errno: number, why: string) =>
      new KernelError(code, errno, `program '${spec.name}': ${why}`);
    if (type.name === 'tracepoint' || type.name === 'kprobe') {
      throw refuse('ENOTSUPP', 524, `programs of type ${type.name} are not run by themselves`);
    }
    if (type.name === 'tracing' && !TESTED.has(spec.attachType)) {
      throw refuse('EFAULT', 14, `${spec.attachType} programs are not run by themselves`);
    }
    const start = performance.now();
    const returnValue = type.name === 'tracing' ? this.#callTests() : this.#alone(program, options);
    const duration = (performance.now() - start) * 1e6;
    const context = options.context ?? new Uint8Array(0);
    return { returnValue, verdict: `${returnValue}`, data: undefined, context, duration };
  }

  /** bpf_prog_test_run_tracing: all programs at the functions run, not only the one asked for. */
  #callTests(): number {
    for (const [name, args, result] of TEST_FUNCTIONS) {
      this.#trigger(`fentry ${name}`, args);
      this.#trigger(`fexit ${name}`, [...args, result]);
    }
    return 0;
  }

  /** bpf_prog_test_run_raw_tp: the context is an array of u64. */
  #alone({ spec, code, type }: MachineProgram, { data, context, repeat }: RunOptions): number {
    const size = context?.length ?? 0;
    if (data || (repeat ?? 1) !== 1 || size > type.context.size) {
      const most = type.context.size;
      const text = `program '${spec.name}' gets a context of at most ${most} bytes, once`;
      throw new KernelError('EINVAL', 22, text);
    }
    return this.#withContext((at) => {
      if (context) this.#runtime.u8().set(context, at);
      return code.run(at);
    });
  }

  /** struct pt_regs as words, at the start of a function. */
  #argumentRegisters(args: readonly Word[]): Word[] {
    const words = Array<Word>(CONTEXT_BYTES / 8).fill(0);
    for (const [i, value] of args.entries()) {
      const { offset, size } = placeOf(this.#objects.btf, `pt_regs.${FUNCTION_REGISTERS[i]!}`);
      words[offset / size] = value;
    }
    return words;
  }

  #trigger(hook: HookName, words: readonly Word[]): void {
    for (const { code } of this.#hooks.at(hook)) {
      this.#withContext((at) => {
        const view = this.#runtime.view();
        words.forEach((word, i) => view.setBigInt64(at + 8 * i, BigInt(word), true));
        code.run(at);
      });
    }
  }

  /** With zeros: runs may nest, and programs may write some contexts. */
  #withContext<T>(act: (at: number) => T): T {
    const at = this.#runtime.allocate(CONTEXT_BYTES, 16);
    try {
      this.#runtime.u8().fill(0, at, at + CONTEXT_BYTES);
      return act(at);
    } finally {
      this.#runtime.release(at);
    }
  }

  /** Those of the task that makes a system call; others' are zeros. */
  #registersOf(task: number): KernelObject {
    const running = this.#registers;
    if (running && task === this.#tasks.current.object) return running;
    this.#noRegisters ??= this.#objects.make('pt_regs');
    return this.#noRegisters;
  }
}
