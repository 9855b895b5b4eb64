/**
 * Fixes that are tried before they are shown: changes of a rejected program with which the verifier
 * says yes and the instruction that failed is still reached.
 */
import type { KernelProfile } from '../../../abi/profile.ts';
import type { VerifierInput, VerifyOptions } from '../../types.ts';
import type { VerifiedFix } from '../types.ts';
import { FixSearch } from './search.ts';
import { Source } from './source.ts';

/** What bounds the search, and what it may look at. */
export interface FixOptions extends VerifyOptions {
  /** Whole source files by the names line_info has, where they are at hand. */
  readonly sourceText?: (file: string) => string | undefined;
  /** Fixes wanted. Default 3. */
  readonly most?: number;
  /** Changes tried. Default 48. */
  readonly tries?: number;
  /** Instructions the verifier may walk in all tries together. Default 1,500,000. */
  readonly budget?: number;
}

/**
 * Changes with which the verifier accepts a rejected program, simplest first. Each was tried: the
 * changed program passes, and the instruction that failed is still reached in it (or it was wrong
 * by itself, and the change takes it out). If no single change is enough, several are put together:
 * the first one has the others in `also`.
 *
 * @example
 * for (const { title, source } of fixesFor(input, profile)) console.info(title, source?.lines);
 */
export function fixesFor(
  input: VerifierInput,
  profile: KernelProfile,
  options: FixOptions = {},
): VerifiedFix[] {
  const { sourceText, most = 3, tries = 48, budget = 1_500_000, ...rest } = options;
  const source = new Source(input, sourceText);
  const search = new FixSearch({ input, profile, options: rest, source, tries, budget });
  return search.run(most).map(({ fix }) => fix);
}
