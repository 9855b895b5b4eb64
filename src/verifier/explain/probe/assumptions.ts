import type { VerifierEnv } from '../../env.ts';
import { Rejection } from '../../reject.ts';
import type { VerifierObserver } from '../../types.ts';

/** A fact taken for granted whenever the walk is about to look at an instruction. */
export interface Assumption {
  readonly insn: number;
  apply(env: VerifierEnv): void;
}

/** Instructions and walks that are left for trying. */
export class Budget {
  insns: number;
  walks: number;

  constructor(insns: number, walks: number) {
    this.insns = insns;
    this.walks = walks;
  }

  /** Nothing more can be tried. */
  get isSpent(): boolean {
    return this.insns <= 0 || this.walks <= 0;
  }
}

/** Code of the rejection when a walk is given up for lack of budget. */
export const GIVEN_UP = 'explain.given_up';

/** Ends a walk that nobody wants to see the end of. */
export function stopped(): Rejection {
  return new Rejection('E2BIG', { code: GIVEN_UP, text: 'the walk was given up', args: [] });
}

/**
 * Edits the state of a walk: facts hold, and paths that are rejected at certain instructions are
 * left without a word. Sees each instruction before the walk does, hence must be told last.
 */
export class Assumptions implements VerifierObserver {
  readonly #facts = new Map<number, readonly Assumption[]>();
  readonly #cuts: ReadonlySet<number>;
  readonly #budget: Budget;
  #env!: VerifierEnv;

  constructor(facts: readonly Assumption[], cuts: ReadonlySet<number>, budget: Budget) {
    for (const fact of facts) {
      const before = this.#facts.get(fact.insn) ?? [];
      this.#facts.set(fact.insn, [...before, fact]);
    }
    this.#cuts = cuts;
    this.#budget = budget;
    budget.walks--;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(): void {}

  insn(): void {
    if (--this.#budget.insns < 0) throw stopped();
    const facts = this.#facts.get(this.#env.insnIdx);
    if (!facts) return;
    for (const fact of facts) fact.apply(this.#env);
  }

  rejected(insn: number): boolean {
    return this.#budget.insns > 0 && this.#cuts.has(insn);
  }
}
