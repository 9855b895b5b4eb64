import { KernelError } from '../base/index.ts';
import type { RunOptions, RunResult } from '../kernel/index.ts';
import type { MachineProgram } from './program.ts';
import type { Subsystem } from './subsystem.ts';
import type { Machine } from './machine.ts';

/** Bytes a context may have (U16_MAX). */
const MOST_BYTES = 0xffff;

/**
 * Programs of type syscall: BPF_PROG_TEST_RUN is their only hook (bpf_prog_test_run_syscall). They
 * get bytes of the caller's choice, and may change them; bytes they use beyond those are zeros.
 */
export class SystemCalls implements Subsystem {
  readonly #machine: () => Machine;
  /** By depth: runs on other CPUs while one is at a call have theirs. */
  readonly #contexts: number[] = [];
  #depth = 0;

  constructor(machine: () => Machine) {
    this.#machine = machine;
  }

  serves(programType: string): boolean {
    return programType === 'syscall';
  }

  run({ spec, code }: MachineProgram, { data, context, repeat = 1 }: RunOptions): RunResult {
    const refuse = (why: string) => new KernelError('EINVAL', 22, `program '${spec.name}': ${why}`);
    if (data) throw refuse('programs of type syscall see no packet: give a context');
    if (repeat !== 1) throw refuse('programs of type syscall run once');
    const size = context?.length ?? 0;
    if (size > MOST_BYTES) throw refuse(`a context of ${size} bytes (at most ${MOST_BYTES})`);
    const { runtime } = this.#machine();
    const at = (this.#contexts[this.#depth] ??= runtime.allocateScratch(MOST_BYTES + 1, 16));
    runtime.u8().fill(0, at, at + MOST_BYTES);
    if (context) runtime.u8().set(context, at);
    const start = performance.now();
    const returnValue = code.run(at);
    const duration = (performance.now() - start) * 1e6;
    const after = runtime.u8().slice(at, at + size);
    return { returnValue, verdict: `${returnValue}`, data: undefined, context: after, duration };
  }

  aside<Result>(work: () => Result): Result {
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  place({ spec }: MachineProgram): never {
    const text = `program '${spec.name}': programs of type syscall are only run`;
    throw new KernelError('EINVAL', 22, text);
  }
}
