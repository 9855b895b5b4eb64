import type { VerifierEnv } from '../env.ts';
import { frameText } from '../log/print-state.ts';
import type { VerifierObserver } from '../types.ts';

/** How much is kept: a program of 10,000 instructions may be walked a million times. */
export interface VisitLimits {
  /** Visits kept of an instruction, the first ones. Default 8. */
  readonly perInsn?: number;
  /** Visits kept in all. Default 100,000. */
  readonly total?: number;
}

/**
 * What each visit of an instruction found: registers and stack of the running frame before it, in
 * the words of the kernel's log (`R1=ctx() R2_w=0 fp-8=mmmm????`). Give it to `verify`.
 *
 * @example
 * const visits = new VisitRecorder();
 * verify(input, kernel, { observer: visits });
 * visits.states(12)[0];   // ' R0=map_value(…) R6=ctx() R10=fp0'
 * visits.count(12);       // how often the walk came by
 */
export class VisitRecorder implements VerifierObserver {
  readonly #perInsn: number;
  #left: number;
  #env!: VerifierEnv;
  #counts!: Uint32Array;
  readonly #states: string[][] = [];

  constructor({ perInsn = 8, total = 100_000 }: VisitLimits = {}) {
    this.#perInsn = perInsn;
    this.#left = total;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
    this.#counts = new Uint32Array(env.length);
  }

  /** Words are none of its business. */
  message(): void {}

  insn(): void {
    const env = this.#env;
    if (env.state.speculative) return;
    const insn = env.insnIdx;
    this.#counts[insn]!++;
    const kept = (this.#states[insn] ??= []);
    if (kept.length >= this.#perInsn || this.#left === 0) return;
    this.#left--;
    kept.push(frameText(env, env.state.frame, true));
  }

  /** Times the walk came to this instruction; 0: never. */
  count(insn: number): number {
    return this.#counts?.[insn] ?? 0;
  }

  /** States of the first visits, the earliest first. */
  states(insn: number): readonly string[] {
    return this.#states[insn] ?? [];
  }
}
