import type { VerifierStats } from '../../types.ts';
import type { ExplainedInsn } from '../types.ts';

/**
 * Where the work of a verification went: what `profileCost` answers. Plain data. Sums of
 * `processed` and of `states` over `lines`, and of `own` and `states` over `functions`, are those
 * of `stats`.
 */
export interface CostProfile {
  readonly ok: boolean;
  /** The kernel's words if it is rejected; '' if it is not, or without words. */
  readonly reason: string;
  readonly stats: VerifierStats;
  /** By source line (or by instruction without line info), the dearest first. */
  readonly lines: readonly LineCost[];
  /** By function of the program, the dearest first. */
  readonly functions: readonly FunctionCost[];
  readonly comparisons: ComparisonCost;
  /** In what compared states differed, by instruction and place, the most frequent first. */
  readonly misses: readonly MissCost[];
  /** Loops, the dearest first. */
  readonly loops: readonly LoopCost[];
  /** Pairs of branches of which the second is gone both ways after both ways of the first. */
  readonly pairs: readonly PairCost[];
  /** What would lower the cost, in words. */
  readonly advice: readonly string[];
}

export interface LineCost {
  /** Its first instruction that was processed. */
  readonly at: ExplainedInsn;
  /** Times its instructions were processed. */
  readonly processed: number;
  /** States kept there. */
  readonly states: number;
  /** Comparisons with states kept there that did not end the path. */
  readonly missed: number;
  /** Paths that ended there because a state kept before covers them. */
  readonly covered: number;
}

export interface FunctionCost {
  readonly name: string;
  /** First instruction. */
  readonly start: number;
  /** Main and global functions are verified on their own, once; others again at each call. */
  readonly kind: 'main' | 'global' | 'static' | 'callback';
  /** Times its own instructions were processed; `total`: with what it calls. */
  readonly own: number;
  readonly total: number;
  readonly states: number;
  /** Times the walk came in, and calls it came from. */
  readonly entered: number;
  readonly callsites: number;
}

/** What became of the comparisons with states kept before. */
export interface ComparisonCost {
  /** The path ended. */
  readonly covered: number;
  /** The states differ. */
  readonly missed: number;
  /** The other state is one the running path came through: its paths are not walked to the end. */
  readonly open: number;
}

/** Why a state was not covered by one kept before. */
export type MissKind =
  /** A register or slot holds something of another type. */
  | 'type'
  /** A number that matters may have values the other could not have. */
  | 'range'
  /** A pointer leads elsewhere. */
  | 'pointer'
  /** Fewer bytes of the packet are known to be there. */
  | 'packet'
  /** Values are linked with others in another way. */
  | 'ids'
  /** Bytes of the stack are written in another way. */
  | 'slot'
  /** Other references are held. */
  | 'references'
  /** Another lock, RCU or preemption section. */
  | 'lock'
  /** Called from elsewhere. */
  | 'frames'
  /** A later round of a callback. */
  | 'callback'
  /** Only one of them is a misprediction of the processor. */
  | 'speculative';

export interface MissCost {
  /** Where most of them are; instructions of one source line count together. */
  readonly at: ExplainedInsn;
  readonly kind: MissKind;
  /** 'R6', 'fp-8 of frame 1'; '' where it is about no place. */
  readonly place: string;
  /** Comparisons in which the states differ in that; in `alone` of them in nothing else. */
  readonly count: number;
  readonly alone: number;
  /** Comparisons there with states whose paths were walked to the end. */
  readonly compared: number;
  /** What the two held, the first time: 'scalar(umax=15)'. */
  readonly old: string;
  readonly current: string;
  /** Instruction for which most of the old values had to be precise, if that is known. */
  readonly precise: ExplainedInsn | undefined;
  /** Index in `loops` of the innermost loop it is in, or -1. */
  readonly loop: number;
}

export interface LoopCost {
  /** Where a round starts. Loops of one source line, as unrolling makes them, count together. */
  readonly at: ExplainedInsn;
  readonly copies: number;
  readonly function: string;
  /** Times the walk came in from outside, and rounds it began again, on all paths. */
  readonly entered: number;
  readonly rounds: number;
  /** Processed in the loop, with the loops in it. */
  readonly processed: number;
  readonly states: number;
  /** Ends when an iterator does (bpf_for, bpf_repeat): rounds need not be walked one by one. */
  readonly iterator: boolean;
}

/** By source lines, if they are known. */
export interface PairCost {
  readonly first: ExplainedInsn;
  readonly second: ExplainedInsn;
  /** Times the second was gone both ways on paths that went on at the first, or jumped there. */
  readonly wentOn: number;
  readonly jumped: number;
  /** Index in `misses` of what keeps the two apart, or -1 if that is not known. */
  readonly because: number;
}
