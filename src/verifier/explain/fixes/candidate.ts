import type { VerifierInput } from '../../types.ts';
import type { SourceFix } from '../types.ts';
import type { Failure } from './failure.ts';
import type { Insn } from './insns.ts';
import type { Patch } from './patch.ts';
import type { Source } from './source.ts';

/** A change that might make the program pass: it is tried before anybody sees it. */
export interface Candidate {
  /** Stable name of the kind: 'null-check'. */
  readonly kind: string;
  /** What to do, in one sentence. */
  readonly title: string;
  /** Instruction it is put before, or in the place of. */
  readonly at: number;
  readonly patch?: Patch;
  /** Changes of what is told beside the instructions: flags, licence. */
  readonly change?: Partial<VerifierInput>;
  /** The new instructions as they are shown; those of the patch if absent. */
  readonly shown?: readonly Insn[];
  readonly source?: SourceFix | undefined;
  /** What was wrong is taken away: the instruction that failed need not be reached any more. */
  readonly removes?: boolean;
}

/** Makes candidates for a rejection, the likeliest first. */
export type Maker = (failure: Failure, source: Source) => Candidate[];

/** All instructions a candidate puts in. */
export function newInsns({ patch }: Candidate): Insn[] {
  return [
    ...(patch?.insertions ?? []).flatMap(({ insns }) => insns),
    ...(patch?.tails ?? []).flatMap(({ insns }) => insns),
    ...(patch?.detours ?? []).flatMap(({ insns }) => insns),
  ];
}

/** The patch that puts instructions before `at`. */
export const before = (at: number, insns: readonly Insn[]): Patch => ({
  insertions: [{ at, insns, jumps: 'enter' }],
});

/** The patch that puts instructions behind `at`, on the way on only. */
export const behind = (at: number, insns: readonly Insn[]): Patch => ({
  insertions: [{ at: at + 1, insns, jumps: 'skip' }],
});

/** The patch that puts instructions in the place of the one at `at`. */
export const instead = (at: number, insns: readonly Insn[], slots = 1): Patch => ({
  insertions: [{ at, insns, jumps: 'enter', remove: slots }],
});
