import type { KernelProfile, VerifierInput } from '../types.ts';
import type { CauseId } from './cause-ids.ts';
import { type Rejected, rejectedBy } from './explain.ts';
import { type FixOptions, fixesFor } from './fixes/fixes.ts';
import { type Assumption, Budget, GIVEN_UP } from './probe/assumptions.ts';
import type { Situated } from './probe/candidates.ts';
import { assuming, type Found, missingFact, type World } from './probe/search.ts';
import type { Diagnosis, Explanation, MissingFact } from './types.ts';

/** Further rejections that are told at most, and rounds in which they are looked for. */
const MAX_OTHERS = 10;
const MAX_ROUNDS = 24;

/** What trying costs at most: instructions for all walks together, and walks. */
const MOST_INSNS = 3_000_000;
const LEAST_INSNS = 200_000;
const MOST_WALKS = 600;
/** Times the instructions of the rejected walk itself that may be spent. */
const TIMES_OWN = 60;

/** Errors of walks that were given up: nothing can be tried on them. */
const ENDS: readonly string[] = ['E2BIG', 'ENOMEM', 'ENOSPC'];

/**
 * All that is known of a rejected program: the explanation, the weakest fact with which the walk
 * would get past, and further errors that stand on their own. Undefined when it passes. Pure, and
 * bounded: what cannot be found out with some million instructions is left out.
 *
 * @example
 * const { explanation, missing } = diagnose(input, profile)!;
 * if (missing?.enough) console.info(`all it lacks: ${missing.needs}`);
 */
export function diagnose(
  input: VerifierInput,
  profile: KernelProfile,
  options: FixOptions = {},
): Diagnosis | undefined {
  const first = rejectedBy(input, profile, options);
  if (!first) return undefined;
  const { processed } = first.result.stats;
  const insns = Math.max(Math.min(processed * TIMES_OWN, MOST_INSNS), LEAST_INSNS);
  const budget = new Budget(insns, MOST_WALKS);
  const search = new Search({ input, profile, options, facts: [], cuts: new Set(), budget });
  const missing = search.mend(first);
  const others = missing === STUCK ? [] : search.others();
  const { explanation } = first;
  // A walk that came to no end is not mended by a check.
  const isEndless = ENDS.includes(first.result.errnoName);
  const fixes = isEndless ? [] : fixesFor(input, profile, options);
  return { explanation, missing: missing === STUCK ? undefined : missing, others, fixes };
}

/** There is no way past: the walk never began, or ended for lack of room. */
const STUCK = Symbol('stuck');

/** Goes from one rejection to the next, by assuming what each one lacks. */
class Search {
  #world: World;
  readonly #facts: Assumption[] = [];
  readonly #cuts = new Set<number>();
  readonly #seen: Rejected[] = [];
  /** Instructions at which a value became something that nobody wrote. */
  readonly #guesses = new Set<number>();

  constructor(world: World) {
    this.#world = { ...world, facts: this.#facts, cuts: this.#cuts };
  }

  /** Finds what a rejection lacks, and lets the walk go on with it; else leaves the path there. */
  mend(rejected: Rejected): MissingFact | undefined | typeof STUCK {
    const situated = situatedOf(rejected);
    if (!situated) return STUCK;
    this.#seen.push(rejected);
    const found = missingFact(this.#world, situated);
    if (found) this.#take(found);
    else if (this.#cuts.has(situated.insn)) return STUCK;
    else this.#cuts.add(situated.insn);
    return found?.missing;
  }

  #take(found: Found): void {
    this.#world = { ...this.#world, input: found.input };
    this.#facts.push(...found.assumptions);
    if (found.isGuess) this.#guesses.add(found.assumptions[0]!.insn);
  }

  /** Further rejections that do not follow from those before. */
  others(): Explanation[] {
    const found: Explanation[] = [];
    const { profile, budget } = this.#world;
    for (let round = 0; round < MAX_ROUNDS && found.length < MAX_OTHERS; round++) {
      if (budget.isSpent) break;
      const next = rejectedBy(this.#world.input, profile, assuming(this.#world));
      if (!next || next.result.reason?.code === GIVEN_UP) break;
      if (this.#isNews(next)) found.push(next.explanation);
      if (this.mend(next) === STUCK) break;
    }
    return found;
  }

  /** False if it is the same mistake again, or comes of what was assumed. */
  #isNews(next: Rejected): boolean {
    if (next.steps.some(({ insn }) => this.#guesses.has(insn))) return false;
    return !this.#seen.some((one) => isSame(one, next));
  }
}

/** Causes that one check mends. */
const BOUNDS: readonly CauseId[] = [
  'index-out-of-range',
  'index-unbounded',
  'negative-length',
  'pointer-offset-unbounded',
  'pointer-offset-too-large',
  'length-unbounded',
  'zero-length',
  'stack-index',
];

const familyOf = (cause: CauseId) => (BOUNDS.includes(cause) ? 'bounds' : cause);

/** One mistake at two places: the same instruction, line, or value with the same lack. */
function isSame(one: Rejected, next: Rejected): boolean {
  const [a, b] = [one.explanation, next.explanation];
  if (a.at.insn === b.at.insn) return true;
  if (familyOf(a.cause) !== familyOf(b.cause)) return false;
  const origin = one.steps[0]?.insn;
  const sameLine = a.at.line !== undefined && a.at.line.line === b.at.line?.line;
  return sameLine || (origin !== undefined && origin === next.steps[0]?.insn);
}

function situatedOf(rejected: Rejected): Situated | undefined {
  const { result, path, cause } = rejected;
  if (!path || !cause || path.length === 0 || result.insn < 0) return undefined;
  if (ENDS.includes(result.errnoName)) return undefined;
  return { ...rejected, path, cause, insn: result.insn };
}
