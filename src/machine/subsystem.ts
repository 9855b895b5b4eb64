import type { AttachOptions, RunOptions, RunResult } from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';
import type { MachineProgram } from './program.ts';

/** A program at its hook: the way to take it off, and for iterators the way to run them. */
export interface Attached {
  readonly detach: () => void;
  readonly read?: () => Uint8Array;
}

/** A part of the kernel that has hooks: network, tracing, … Each knows its program types only. */
export interface Subsystem {
  serves(programType: string, spec: ProgramSpec): boolean;
  /** BPF_PROG_TEST_RUN. */
  run(program: MachineProgram, options: RunOptions): RunResult;
  /** Puts the program at a hook; returns the way to take it off. */
  attach(program: MachineProgram, options: AttachOptions): (() => void) | Attached;
}
