import type { KernelProfile } from '../../../abi/profile.ts';
import type { VerifierEnv } from '../../env.ts';
import { Rejection } from '../../reject.ts';
import type { VerifierInput, VerifierObserver, VerifyOptions } from '../../types.ts';
import { verify } from '../../verify.ts';
import type { FixPart, VerifiedFix } from '../types.ts';
import { type Candidate, newInsns } from './candidate.ts';
import { describeInsn, type Failure, failureOf } from './failure.ts';
import { insnTexts } from './insns.ts';
import { MAKERS } from './makers.ts';
import { applyPatch } from './patch.ts';
import type { Source } from './source.ts';

/** Instructions processed from which on a walk is a long one. */
const LONG_WALK = 500_000;
/** Changes put together at most. */
const MOST_PARTS = 4;
/** The same change at copies of one line: loops that the compiler unrolled. */
const MOST_REPEATS = 16;
/** Changes that got further, but not through, that are followed. */
const MOST_FOLLOWED = 3;

interface World {
  readonly input: VerifierInput;
  readonly profile: KernelProfile;
  readonly options: VerifyOptions;
  readonly source: Source;
  readonly tries: number;
  readonly budget: number;
}

/** A program with changes that were made to it. */
export interface Changed {
  readonly input: VerifierInput;
  readonly parts: readonly FixPart[];
  /** All new instructions, and how far from the fault they begin. */
  readonly weight: number;
  /** Where an instruction of the program as it came is now. */
  at(insn: number): number;
  /** What was wrong is taken out, so that it need not be reached. */
  readonly removes: boolean;
}

/** A changed program that passed. */
export interface Passed {
  readonly changed: Changed;
  readonly fix: VerifiedFix;
}

/** Tries changes, and changes of what is rejected further on. */
export class FixSearch {
  readonly #world: World;
  #tries: number;
  #budget: number;
  /** Instructions one try may walk. */
  #each = LONG_WALK;
  /** Instruction the program as it came was rejected at. */
  #fault = 0;

  constructor(world: World) {
    this.#world = world;
    this.#tries = world.tries;
    this.#budget = world.budget;
  }

  /** Programs that pass, simplest first. */
  run(most: number): Passed[] {
    const { input, profile, options } = this.#world;
    const failure = failureOf(input, profile, options);
    if (!failure) return [];
    this.#fault = failure.insn;
    // A program that is too large is mended only by what makes the walk a short one.
    const isLong = failure.walked >= LONG_WALK;
    this.#each = isLong ? LONG_WALK / 4 : LONG_WALK;
    if (isLong) this.#budget = Math.min(this.#budget, LONG_WALK);
    const start = { input, parts: [], weight: 0, at: (insn: number) => insn, removes: false };
    const found = this.#mend(failure, start);
    const different = found.filter((one, i) => !found.slice(0, i).some(isSame(one)));
    return different.toSorted((a, b) => a.changed.weight - b.changed.weight).slice(0, most);
  }

  /** Changes of `changed`, which is rejected with `failure`, that pass. */
  #mend(failure: Failure, changed: Changed): Passed[] {
    const makers = MAKERS[failure.reason.code] ?? [];
    const found: Passed[] = [];
    const further: Changed[] = [];
    for (const candidate of makers.flatMap((make) => make(failure, this.#world.source))) {
      if (this.#tries <= 0 || this.#budget <= 0) break;
      const next = withCandidate(failure, changed, candidate);
      if (!next) continue;
      const result = this.#verify(next.input);
      if (result.ok && this.#isReached(next, result.facts.seen)) {
        found.push({ changed: next, fix: fixOf(next.parts, result.stats) });
      } else if (!result.ok && result.reason && result.insn >= 0) further.push(next);
    }
    if (found.length > 0 || linesOf(changed) >= MOST_PARTS || changed.parts.length >= MOST_REPEATS)
      return found;
    return this.#follow(failure, further);
  }

  /** What got further is mended there, until something passes. */
  #follow(before: Failure, further: readonly Changed[]): Passed[] {
    const { profile, options } = this.#world;
    for (const changed of further.slice(0, MOST_FOLLOWED)) {
      if (this.#tries <= 0 || this.#budget <= 0) break;
      const failure = failureOf(changed.input, profile, options);
      if (!failure || isStuck(before, failure)) continue;
      this.#budget -= failure.walked;
      const found = this.#mend(failure, changed);
      if (found.length > 0) return found;
    }
    return [];
  }

  #verify(input: VerifierInput) {
    const { profile, options } = this.#world;
    const observer = new Limit(Math.min(this.#budget, this.#each));
    const { observer: _, ...plain } = options;
    const result = verify(input, profile, { ...plain, logLevel: 0, observer });
    this.#budget -= result.stats.processed;
    this.#tries--;
    return result;
  }

  #isReached({ at, removes }: Changed, seen: Uint32Array): boolean {
    return removes || seen[at(this.#fault)] !== 0;
  }
}

/** Ends a walk that takes too long. */
class Limit implements VerifierObserver {
  #env!: VerifierEnv;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(): void {}

  insn(): void {
    if (this.#env.insnProcessed > this.#most) throw new Rejection('E2BIG', undefined);
  }
}

/** The same words at the same instruction: the change did not help. */
const isStuck = (before: Failure, now: Failure): boolean =>
  before.reason.text === now.reason.text &&
  before.input.insns.length === now.input.insns.length &&
  before.insn === now.insn;

function withCandidate(
  failure: Failure,
  changed: Changed,
  candidate: Candidate,
): Changed | undefined {
  const input = { ...changed.input, ...candidate.change };
  const patched = candidate.patch
    ? applyPatch(input, candidate.patch)
    : { input, at: (insn: number) => insn };
  if (!patched) return undefined;
  const insns = newInsns(candidate);
  const part: FixPart = {
    kind: candidate.kind,
    title: candidate.title,
    at: { ...describeInsn(failure, candidate.at), insn: originOf(changed, candidate.at) },
    insns: insnTexts(candidate.shown ?? insns),
    source: candidate.source,
  };
  return {
    input: patched.input,
    parts: [...changed.parts, part],
    weight: changed.weight + weightOf(candidate, failure.insn, insns.length),
    at: (insn) => patched.at(changed.at(insn)),
    removes: changed.removes || candidate.removes === true,
  };
}

/** The instruction of the program as it came that stands at, or is the last before, `insn`. */
function originOf({ at, input }: Changed, insn: number): number {
  let origin = 0;
  for (let i = 0; i < input.insns.length / 8 && at(i) <= insn; i++) origin = i;
  return origin;
}

/** Few instructions near the fault weigh little; what takes something out weighs most. */
function weightOf(candidate: Candidate, fault: number, count: number): number {
  const removal = candidate.kind === 'remove' ? 1000 : 0;
  return removal + count * 10 + Math.min(9, Math.abs(candidate.at - fault));
}

function fixOf(parts: readonly FixPart[], stats: VerifiedFix['stats']): VerifiedFix {
  const [first, ...also] = parts.filter((part, i) => !parts.slice(0, i).some(isCopy(part))) as [
    FixPart,
    ...FixPart[],
  ];
  // Half of a change would be wrong in C.
  const isWhole = parts.every(({ source }) => source !== undefined);
  if (isWhole || also.length === 0) return { ...first, also, stats };
  const bare = also.map((part) => ({ ...part, source: undefined }));
  return { ...first, source: undefined, also: bare, stats };
}

/** The same change of the same line, at another of the instructions made of it. */
const isCopy =
  (part: FixPart) =>
  (other: FixPart): boolean =>
    part.kind === other.kind &&
    part.at.line !== undefined &&
    part.at.line.line === other.at.line?.line &&
    part.at.line.file === other.at.line.file;

/** Places in the source that were changed. */
const linesOf = ({ parts }: Changed): number =>
  parts.filter((part, i) => !parts.slice(0, i).some(isCopy(part))).length + 1;

/** Two fixes that a reader could not tell apart. */
const isSame =
  ({ fix }: Passed) =>
  (other: Passed): boolean =>
    fix.kind === other.fix.kind &&
    (fix.title === other.fix.title || fix.insns.join() === other.fix.insns.join());
