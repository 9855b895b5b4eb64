import type { CallContract, CodeMemory } from '../abi/index.ts';
import type { SourceLine } from '../object/types.ts';
import type { Runtime } from '../runtime/types.ts';

/**
 * A program ready to be compiled: subprograms linked, all addresses final.
 *
 * `insns` keeps src_reg marks: 1 = map handle, 2 = map value (both ld_imm64 halves hold the tagged
 * 64-bit pointer), 4 = callback (imm counts instructions relative to the next one), calls with src
 * 1 likewise. Helper calls (src 0) hold the helper id, calls of kernel functions (src 2) the place
 * in `kfuncs`.
 */
export interface ProgramImage {
  readonly name: string;
  /** BPF_PROG_TYPE_*: chooses between bodies of helpers that differ by context (bpf_redirect). */
  readonly programType?: number;
  /** A number unique in the machine; named by faults. */
  readonly id: number;
  readonly insns: Uint8Array;
  /** Kernel functions it calls: calls with src 2 have the place in this list in imm. */
  readonly kfuncs?: readonly CallContract[];
  /** Table of the types of objects it makes (`Runtime.objects`). */
  readonly objectTypes?: number;
  readonly functions: readonly { readonly name: string; readonly start: number }[];
  /** First instruction of the function that runs when the program throws; without: r0 = cookie. */
  readonly exceptionCallback?: number | undefined;
  readonly lines: readonly SourceLine[];
  readonly context: {
    readonly size: number;
    readonly allocated: number;
    readonly packet?: {
      readonly start: number;
      readonly end: number;
      readonly meta?: number;
      /** Offset of the u32 that says where the network header is (from start), for ld_abs. */
      readonly network?: number;
    };
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
  /**
   * Note before each call where it is (C_WATCH_*), and what pointer comes from it: for the model of
   * memory, which says where an element was got, freed and used again.
   */
  readonly watch?: boolean;
  /** Loop iterations one run may make when checked. */
  readonly fuel?: number;
  /** Called before each instruction (interpreter only). On true `run` throws ProgramStopped. */
  readonly onStep?: (state: StepState) => boolean | void;
}

export interface StepState {
  readonly insn: number;
  /** Frame depth, 0 = the program itself. */
  readonly frame: number;
  register(i: number): bigint;
}

/** Loop iterations one run may make when checked and `CompileOptions.fuel` says nothing. */
export const DEFAULT_FUEL = 1 << 24;

/*
 * What both engines do alike, so that their results are equal bit for bit:
 *
 * - Entry: r1 = tag of REGION_CTX | context, r10 = tag of REGION_STACK | C_STACK_TOP, all other
 *   registers 0. A frame takes FRAME_SIZE bytes of stack whatever it uses: r10 of a callee is r10
 *   of its caller minus FRAME_SIZE, and C_STACK_TOP is the lower end of the innermost frame
 *   whenever foreign code (a helper, another program) runs. A subprogram or callback starts with
 *   r1..r5 = arguments and all others 0. r1..r5 after a call are unspecified, and so
 *   is stack that the frame has not written.
 * - `run` and `batch` set C_TAIL_CALLS, C_DEPTH and C_FAULT_KIND to 0 and C_FUEL to the fuel, and
 *   put back what was there (also C_CTX and C_STACK_TOP) when they return or throw: runs may nest.
 *   Table entries and callbacks do not reset anything.
 * - Checked entry fills REGION_CTX and, if the image has a packet, REGION_PACKET (from the lower of
 *   `meta` and `start` to `end`); the packet's is filled again after every helper that may move it.
 * - The context's packet pointers (context.ts) are read only to checked code: FAULT_READ_ONLY.
 * - C_DEPTH counts frames above the program's own: a call or callback that would make it
 *   MAX_CALL_FRAMES is FAULT_STACK (insn: the call; for a callback its first instruction).
 * - Fuel: every taken jump to an instruction at or before itself, every bpf-to-bpf call and every
 *   callback costs 1; the one that finds C_FUEL at 0 is FAULT_FUEL (insn as above).
 * - FAULT_BAD_INSN: a slot that `isExecutable` (executable.ts) refuses, when it is reached, be it
 *   the second half of an ld_imm64; a jump that leaves its function, when it is taken (insn: the
 *   jump); control running off the end of a function (insn: the one after its last). Functions
 *   begin at 0, at `functions`, and at the targets of local calls and callback loads.
 * - Order of checks: region, then alignment of atomics; for helpers: does it exist, then arguments
 *   from 1 to 5. The address of a fault is the 64-bit register plus offset.
 * - may_goto: each subprogram invocation may fall through MAX_MAY_GOTO times.
 * - A tail call that fails leaves r0 as it is. One that succeeds runs the target in the frame of
 *   the caller (same r10) and returns its r0 from there.
 * - bpf_throw(cookie) ends the program, in whatever subprogram it is: the frames are given up, and
 *   the exception callback runs in the frame of the program itself (r1 = cookie, same r10) and
 *   returns for it; without one r0 = cookie. Nothing unwinds what called back: within a callback of
 *   a helper, and within the exception callback, it is FAULT_BAD_INSN (the verifier refuses both).
 * - ld_abs/ld_ind past the packet's end returns 0 from the current function.
 */

/** BPF_MAX_LOOPS of the kernel: fall-throughs of may_goto per invocation of a subprogram. */
export const MAX_MAY_GOTO = 8 * 1024 * 1024;

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
   * Stops at a fault: returns the index reached (= count when all ran), and `fault` says why. With
   * `times` it also stops, without a fault, before a context that a timer comes first of.
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
  /** For engines that can put several programs into one module: where they do. */
  codeMemory?(runtime: Runtime, options?: CodeMemoryOptions): EngineCodeMemory;
}

export interface CodeMemoryOptions {
  /** Most programs of a module, 1 to 4096. Default 16. */
  readonly packSize?: number;
}

/** Loads programs of one runtime and knows in which module each is. */
export interface EngineCodeMemory extends CodeMemory {
  /** As `Engine.load`. */
  load(image: ProgramImage, options: CompileOptions): LoadedCode;
  /**
   * Programs loaded while `work` runs share modules. They can be called when it is over, their
   * slots of the function table are known before.
   */
  together<Result>(work: () => Result): Result;
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
