import type { KernelMap } from '../../kernel/index.ts';
import type { LineInfo } from '../../verifier/index.ts';

/** One input of a run. */
export interface RunInput {
  readonly packet: Uint8Array;
  /** The context struct; the fields a test run may set are taken from it. */
  readonly context: Uint8Array;
  /** What is in the maps before the run. */
  readonly maps: MapFilling;
}

/** How the maps are filled: as the object has them, or with entries. */
export interface MapFilling {
  /** 'as loaded', or how the entries were chosen. */
  readonly name: string;
  readonly entries: readonly MapEntry[];
}

export interface MapEntry {
  readonly map: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * A program that can be run, as it is, without having been verified: every access is checked while
 * it runs, and the check that fails is thrown as a ProgramFault (an Error of that name). Made by
 * whoever has a machine.
 */
export interface Subject {
  readonly maps: ReadonlyMap<string, KernelMap>;
  /** BPF_PROG_TEST_RUN. */
  run(packet: Uint8Array, context: Uint8Array): void;
  /** Times each instruction was executed so far. */
  counts(): Float64Array;
  close(): void;
}

/** What a search was able to find out. */
export type Counterexample =
  | {
      /** An input with which the program really does what the verifier feared. */
      readonly kind: 'real';
      readonly input: RunInput;
      readonly fault: FoundFault;
      /** Runs it took. */
      readonly tried: number;
    }
  | {
      readonly kind: 'not-found';
      readonly tried: number;
      /** Some run executed the instruction that was rejected, and nothing went wrong. */
      readonly reached: boolean;
      /** What is known to help if the verifier is imprecise here; '' if nothing is. */
      readonly remedy: string;
    }
  | { readonly kind: 'cannot-run'; readonly why: string };

/** What went wrong in a run. */
export interface FoundFault {
  readonly insn: number;
  readonly line: LineInfo | undefined;
  /** In words: 'reads 1 byte at packet+0x22, packet ends at +0x22'. */
  readonly what: string;
  /** It is where the verifier says; else the program goes wrong elsewhere. */
  readonly there: boolean;
}

export interface SearchOptions {
  /** Of all randomness. Default 1. */
  readonly seed?: number;
  /** Runs at most. Default 20,000. */
  readonly runs?: number;
  /** Milliseconds at most. Default 2,000. */
  readonly time?: number;
}
