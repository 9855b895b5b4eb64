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

/** The programs of labels, by the sources of the rooms. */
export function casesOf(labels: readonly Label[], profile: KernelProfile): Case[] {
  const make = caseMaker({ parseObject, verifierInput }, profile);
  return labels.map((label) => make(label) as Case);
}

/** 'packet-bounds/reads_at_once' */
export const nameOf = ({ file, program }: Label): string => `${file}/${program}`;

/** True if the explanation names a right cause. */
export function isOneOf({ causes }: Label, explanation: Explanation | undefined): boolean {
  return explanation !== undefined && causes.includes(explanation.cause);
}

/** Share of `part` in `all`, in percent. */
export const percent = (part: number, all: number): number => (100 * part) / all;
