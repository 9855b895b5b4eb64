import type { AttachOptions, RunOptions, RunResult } from '../kernel/index.ts';
import type { MachineProgram } from './program.ts';

/** A part of the kernel that has hooks: network, tracing, … Each knows its program types only. */
export interface Subsystem {
  /** `attachType`: bpftool's word, if the program's section has one. */
  serves(programType: string, attachType: string | undefined): boolean;
  /** BPF_PROG_TEST_RUN. */
  run(program: MachineProgram, options: RunOptions): RunResult;
  /** Puts the program at a hook; returns the way to take it off. */
  attach(program: MachineProgram, options: AttachOptions): () => void;
}
