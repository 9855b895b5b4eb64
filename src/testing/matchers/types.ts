import type { MatcherState } from 'vitest';

/** `this` of a matcher. */
export type Context = MatcherState;

/** What a matcher finds. */
export interface Answer {
  readonly pass: boolean;
  readonly actual?: unknown;
  readonly expected?: unknown;
  readonly message: () => string;
}
