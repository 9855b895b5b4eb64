import type { SourceLine } from '../object/types.ts';
import type { Runtime } from '../runtime/types.ts';

/**
 * A program ready to be compiled: subprograms linked, all addresses final.
 *
 * `insns` keeps src_reg marks: 1 = map handle, 2 = map value (both ld_imm64 halves hold the tagged
 * 64-bit pointer), 4 = callback (imm counts instructions relative to the next one), calls with src 1
 * likewise. Helper calls (src 0) hold the helper id.
 */
export interface ProgramImage {
  readonly name: string;
  /** A number unique in the machine; named by faults. */
  readonly id: number;
  readonly insns: Uint8Array;
  readonly functions: readonly { readonly name: string; readonly start: number }[];
  readonly lines: readonly SourceLine[];
  readonly context: {
    readonly size: number;
    readonly allocated: number;
    readonly packet?: { readonly start: number; readonly end: number; readonly meta?: number };
  };
}

export interface CompileOptions {
  /**
   * True: every access, helper argument, call depth and loop is checked at run time, because nobody
   * has verified the program. False: trust it, as the kernel trusts what it verified.
   */
  readonly checks: boolean;
  /** Count executions per instruction. */
  readonly profile?: boolean;
  /** Loop iterations one run may make when checked. */
  readonly fuel?: number;
  /** Called before each instruction (interpreter only). Return true to stop. */
  readonly onStep?: (state: StepState) => boolean | void;
}

export interface StepState {
  readonly insn: number;
  /** Frame depth, 0 = the program itself. */
  readonly frame: number;
  register(i: number): bigint;
}

/** A program that can run on a Runtime. */
export interface LoadedCode {
  readonly image: ProgramImage;
  /** Table slot of (ctx: i32) -> i64: what prog_array slots, callbacks and hooks call. */
  readonly entry: number;
  /** Runs once. Returns the low 32 bits of r0 (signed); all 64 are at C_R0. Throws ProgramFault. */
  run(context: number): number;
  /**
   * Runs over `count` contexts, `stride` bytes apart; stores the low 32 bits of r0 to results[i].
   * `times`: address of u64 timestamps that the clock takes before each run, or 0.
   * Stops at a fault: returns the index reached (= count when all ran), and `fault` says why.
   */
  batch(contexts: number, stride: number, count: number, results: number, times: number): number;
  /** The fault that ended the last batch, if one did. */
  readonly fault: ProgramFault | undefined;
  /** Executions per instruction (when compiled with `profile`). */
  counts(): Float64Array;
  dispose(): void;
}

export interface Engine {
  readonly name: 'wasm' | 'interpreter';
  load(image: ProgramImage, runtime: Runtime, options: CompileOptions): LoadedCode;
}

/** What ended a run. Thrown by `run`, kept by `batch`. Class in engine/fault.ts. */
export interface ProgramFault extends Error {
  readonly kind:
    | 'out of range'
    | 'bad pointer'
    | 'read only'
    | 'too many iterations'
    | 'stack exhausted'
    | 'bad helper argument'
    | 'no such helper'
    | 'bad instruction'
    | 'unaligned atomic';
  readonly program: string;
  readonly insn: number;
  readonly address: bigint;
  readonly size: number;
  readonly write: boolean;
  readonly source: SourceLine | undefined;
}
