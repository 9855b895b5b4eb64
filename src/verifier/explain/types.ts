import type { LineInfo, VerifierStats } from '../types.ts';
import type { CauseId } from './cause-ids.ts';
import type { LineageStep } from './lineage.ts';

/** Why a program was rejected, for people. */
export interface Explanation {
  /** The kind of mistake: stable, see `causeMeaning`. */
  readonly cause: CauseId;
  /** Code of the kernel's message: 'mem.…'; 'errno.EPERM' where the kernel says nothing. */
  readonly code: string;
  /** The kernel's own words. */
  readonly kernel: string;
  /** What is wrong, in one plain sentence. */
  readonly problem: string;
  /** Where: the instruction and the source line it came from. */
  readonly at: ExplainedInsn;
  /**
   * Where the author should change something; often the same. The instruction that made the value
   * unusable, acquired what is not released, took the lock that stays held, or added the index.
   */
  readonly blame: ExplainedInsn;
  /** The value that matters and what is known of it there. */
  readonly subject: ExplainedValue | undefined;
  /** How that value came to be, oldest first. */
  readonly steps: readonly ExplainedStep[];
  /** What would make it pass. */
  readonly advice: readonly string[];
}

export interface ExplainedInsn {
  readonly insn: number;
  /** The instruction as the kernel writes it. */
  readonly text: string;
  readonly line: LineInfo | undefined;
}

export interface ExplainedValue {
  /** 'R2', 'fp-8'. */
  readonly name: string;
  /** In the log's words: 'scalar(umax=255)'. */
  readonly value: string;
}

export interface ExplainedStep extends ExplainedInsn {
  readonly kind: LineageStep['kind'];
  /** What happened, in words. */
  readonly what: string;
  /** What the value was afterwards. */
  readonly value: string;
}

/** All that is known of a rejected program: what `diagnose` answers. Plain data. */
export interface Diagnosis {
  /** The rejection the kernel reports. */
  readonly explanation: Explanation;
  /** Weakest fact that would let the walk pass that place; undefined if no single one does. */
  readonly missing: MissingFact | undefined;
  /** Further rejections that stand on their own: they stay when the ones before are mended. */
  readonly others: readonly Explanation[];
  /** Changes with which the verifier accepts the program, simplest first. */
  readonly fixes: readonly VerifiedFix[];
}

/** A fact the verifier does not know, found by trying: with it the walk goes on. */
export interface MissingFact {
  /** Where it must hold: before this instruction. */
  readonly at: ExplainedInsn;
  /** The value it is about, and what is known of it; undefined for facts of the whole state. */
  readonly subject: ExplainedValue | undefined;
  /** 'R2 ≤ 63', 'R1 is not NULL', 'fp-8 is written'. */
  readonly needs: string;
  /** 'R2 ≤ 255'; '' if nothing is. */
  readonly known: string;
  /** True if the whole program passes with this one fact, and there was room to find out. */
  readonly enough: boolean;
}

/** One change of a program. */
export interface FixPart {
  /** Stable name of the kind: 'null-check', 'bounds-check', 'mask', 'zero-init', 'release'. */
  readonly kind: string;
  /** What to do, in one sentence. */
  readonly title: string;
  readonly at: ExplainedInsn;
  /** The instructions put in before `at.insn` (or in its place), as the kernel writes them. */
  readonly insns: readonly string[];
  /** The same in the source, where line info tells the place. */
  readonly source: SourceFix | undefined;
}

/** A change after which the verifier says yes: tried, not guessed. */
export interface VerifiedFix extends FixPart {
  /** Further changes that go with it; without them the program is rejected elsewhere. */
  readonly also: readonly FixPart[];
  /** Of the verification that passed. */
  readonly stats: VerifierStats;
}

/** Lines to put before, or in the place of, a line of the source. */
export interface SourceFix {
  readonly file: string;
  readonly line: number;
  readonly insert: 'before' | 'after' | 'instead';
  /** With the indentation of the line they belong to. */
  readonly lines: readonly string[];
}
