import type { VerifierEnv } from '../../env.ts';
import { composeObservers } from '../../observers.ts';
import type {
  KernelProfile,
  VerifierInput,
  VerifierObserver,
  VerifyOptions,
  VerifyResult,
} from '../../types.ts';
import { verify } from '../../verify.ts';
import { describe, placeName } from '../insn.ts';
import type { MissingFact } from '../types.ts';
import { type Assumption, Assumptions, type Budget, GIVEN_UP, stopped } from './assumptions.ts';
import { type Candidate, candidatesFor, type Seen, type Situated } from './candidates.ts';
import { type Place, placeText } from '../trace.ts';

/** What is assumed already: facts that mended earlier rejections, and places that are cut off. */
export interface World {
  readonly input: VerifierInput;
  readonly profile: KernelProfile;
  readonly options: VerifyOptions;
  readonly facts: readonly Assumption[];
  readonly cuts: ReadonlySet<number>;
  readonly budget: Budget;
}

/** A fact that was found, in words and as an assumption. */
export interface Found {
  readonly missing: MissingFact;
  readonly assumptions: readonly Assumption[];
  /** The program as it is loaded, if the fact is about that. */
  readonly input: VerifierInput;
  readonly isGuess: boolean;
}

/** Options of a walk in which the facts of `world` (and one more) hold. */
export function assuming(world: World, more: readonly Assumption[] = []): VerifyOptions {
  const { options, facts, cuts, budget } = world;
  const observer = new Assumptions([...facts, ...more], cuts, budget);
  return { ...options, logLevel: 0, observer: composeObservers(options.observer, observer)! };
}

/**
 * The weakest fact with which the walk gets past a rejection: facts are tried, and those that have
 * a size (a bound) are loosened until they do not help any more.
 */
export function missingFact(world: World, situated: Situated): Found | undefined {
  let first: Found | undefined;
  for (const candidate of candidatesFor(situated)) {
    if (world.budget.isSpent) break;
    const trial = new Trial(world, situated, candidate);
    // When one that helps is known, only one that mends everything is better.
    const size = trial.weakest(first !== undefined);
    if (size === undefined) continue;
    const found = trial.found(size);
    if (found.missing.enough) return found;
    first ??= found;
  }
  return first;
}

/** One candidate under trial. */
class Trial {
  readonly #world: World;
  readonly #situated: Situated;
  readonly #candidate: Candidate;
  #needsAll = true;

  constructor(world: World, situated: Situated, candidate: Candidate) {
    this.#world = world;
    this.#situated = situated;
    this.#candidate = candidate;
  }

  /**
   * The loosest size that helps as much as the strictest does: lets the whole program pass, or (if
   * `onlyAll` is not set) at least this place. Undefined if the strictest does not help.
   */
  weakest(onlyAll: boolean): bigint | undefined {
    const { sizes } = this.#candidate;
    const strictest = sizes?.strictest ?? 0n;
    if (!this.#helps(strictest)) {
      if (onlyAll) return undefined;
      this.#needsAll = false;
      if (!this.#helps(strictest)) return undefined;
    }
    return sizes ? this.#search(strictest, sizes.loosest) : strictest;
  }

  /** Between one that helps and one that is as loose as can be, by steps that double. */
  #search(good: bigint, end: bigint): bigint {
    const way = end > good ? 1n : -1n;
    let best = good;
    let bad = end + way;
    if (way > 0n) {
      for (let step = 1n; best + step < bad; step *= 2n) {
        if (!this.#helps(best + step)) {
          bad = best + step;
          break;
        }
        best += step;
      }
    }
    while ((bad - best) * way > 1n && !this.#world.budget.isSpent) {
      const middle = (best + bad) / 2n;
      if (this.#helps(middle)) best = middle;
      else bad = middle;
    }
    return best;
  }

  #helps(size: bigint): boolean {
    if (this.#world.budget.isSpent) return false;
    const seen: Seen = { known: '', needs: '' };
    const result = this.#walk(size, seen);
    if (seen.needs === '') return false;
    return result.ok || (!this.#needsAll && isPast(result, this.#situated.insn));
  }

  #walk(size: bigint, seen: Seen): VerifyResult {
    const options = assuming(this.#world, this.#assumptions(size, seen));
    return verify(this.#input(size), this.#world.profile, options);
  }

  #input(size: bigint): VerifierInput {
    const { input } = this.#world;
    return this.#candidate.change?.(input, size) ?? input;
  }

  #assumptions(size: bigint, seen: Seen): Assumption[] {
    const { insn, place } = this.#candidate;
    const frame = place?.frame;
    const apply = (env: VerifierEnv) => {
      if (frame === undefined || isFrameOf(env, frame)) this.#candidate.apply(env, size, seen);
    };
    const undo = (env: VerifierEnv) => this.#candidate.undo?.(env);
    return this.#candidate.undo
      ? [
          { insn, apply },
          { insn: insn + 1, apply: undo },
        ]
      : [{ insn, apply }];
  }

  /** The fact in words, with the answer whether it is all the program lacks. */
  found(size: bigint): Found {
    const { insn, place, isGuess } = this.#candidate;
    const result = this.#walk(size, { known: '', needs: '' });
    const spy = this.#look(size);
    const missing: MissingFact = {
      at: describe(this.#situated.path.env, insn),
      subject: place ? { name: placeName(place), value: spy.value } : undefined,
      needs: spy.seen.needs,
      known: spy.seen.known,
      enough: result.ok,
    };
    const assumptions = this.#assumptions(size, { known: '', needs: '' });
    return { missing, assumptions, input: this.#input(size), isGuess: isGuess === true };
  }

  /** What was known where the rejected path (others may have been walked before) passed. */
  #look(size: bigint): Spy {
    const { path } = this.#situated;
    const { insn, place } = this.#candidate;
    const spy = new Spy(path.serials[path.insns.lastIndexOf(insn)] ?? 0, place);
    spy.apply = this.#assumptions(size, spy.seen)[0]!.apply;
    const { input, profile } = this.#world;
    const options = assuming(this.#world);
    verify(input, profile, { ...options, observer: composeObservers(spy, options.observer)! });
    return spy;
  }
}

/** Looks at the state before one step of the walk, and ends the walk there. */
class Spy implements VerifierObserver {
  readonly seen: Seen = { known: '', needs: '' };
  readonly #serial: number;
  readonly #place: Place | undefined;
  value = '';
  apply: (env: VerifierEnv) => void = () => {};
  #env!: VerifierEnv;
  #step = 0;

  constructor(serial: number, place: Place | undefined) {
    this.#serial = serial;
    this.#place = place;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(): void {}

  insn(): void {
    if (++this.#step !== this.#serial) return;
    if (this.#place) this.value = placeText(this.#env, this.#place);
    this.apply(this.#env);
    throw stopped();
  }
}

/** Assumptions count in the frame they were made for: the instruction may run in others too. */
const isFrameOf = (env: VerifierEnv, frame: number) => env.state.curframe === frame;

/** True if the walk went on behind the place. */
function isPast(result: VerifyResult, insn: number): boolean {
  return result.reason?.code !== GIVEN_UP && result.insn !== insn;
}
