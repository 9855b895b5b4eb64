import type { KernelProfile } from '../../../src/abi/index.ts';
import { parseObject } from '../../../src/object/index.ts';
import type {
  Explanation,
  VerifierCapabilities,
  VerifierInput,
} from '../../../src/verifier/index.ts';
import { verifierInput } from '../../../src/verifier/index.ts';
import { caseMaker } from './judge.mjs';
import type { labelsOf } from './labels.mjs';

/** What an expert says of a program. */
export type Label = ReturnType<typeof labelsOf>[number];

/** A program of the set, ready to be verified. */
export interface Case {
  readonly label: Label;
  readonly input: VerifierInput;
  readonly capabilities: VerifierCapabilities;
}

const makers = new WeakMap<KernelProfile, ReturnType<typeof caseMaker>>();

/** The program of a label, by the sources of the rooms. */
export function caseOf(label: Label, profile: KernelProfile): Case {
  let make = makers.get(profile);
  if (!make) {
    make = caseMaker({ parseObject, verifierInput }, profile);
    makers.set(profile, make);
  }
  return make(label) as Case;
}

/** The programs of several labels. */
export function casesOf(labels: readonly Label[], profile: KernelProfile): Case[] {
  return labels.map((label) => caseOf(label, profile));
}

/** 'packet-bounds/reads_at_once' */
export const nameOf = ({ file, program }: Label): string => `${file}/${program}`;

/** True if the explanation names a right cause. */
export function isOneOf({ causes }: Label, explanation: Explanation | undefined): boolean {
  return explanation !== undefined && causes.includes(explanation.cause);
}

/** Share of `part` in `all`, in percent. */
export const percent = (part: number, all: number): number => (100 * part) / all;
