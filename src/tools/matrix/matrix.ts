/** One object on many kernels: who would load it, and what the others lack. */
import {
  type FeatureKind,
  KERNEL_VERSIONS,
  type KernelProfile,
  type KernelVersion,
  versionCodeOf,
} from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { ObjectFile, ProgramSpec } from '../../object/index.ts';
import {
  type VerifierInput,
  verifierInput,
  verify,
  type VerifyResult,
} from '../../verifier/index.ts';
import { type Requirement, requirementsOf } from './requirements.ts';

/** Kernels whose rules are not known: only what they have. */
export const LIKELY_VERSIONS = ['5.4', '5.10', '5.15', '6.6'] as const;

/** Kernels of a matrix, oldest first. */
export const MATRIX_VERSIONS: readonly string[] = [...LIKELY_VERSIONS, ...KERNEL_VERSIONS].sort(
  (a, b) => versionCodeOf(a) - versionCodeOf(b),
);

/** True if programs are verified by the rules of that kernel. */
export function isExact(version: string): version is KernelVersion {
  return (KERNEL_VERSIONS as readonly string[]).includes(version);
}

/** What one kernel makes of a program. */
export interface MatrixCell {
  readonly kernel: string;
  /** 'exact': verified by that kernel's rules. 'likely': only what the kernel has was looked at. */
  readonly certainty: 'exact' | 'likely';
  readonly verdict: 'accepted' | 'rejected';
  /** Instructions the verifier of an exact kernel processed. */
  readonly insns?: number;
  /** First line of the reason against it. */
  readonly reason?: string;
  /** Features the program uses that this kernel has not got, newest first. */
  readonly missing: readonly Requirement[];
}

/** A program on every kernel. */
export interface MatrixRow {
  readonly program: ProgramSpec;
  /** What it uses, newest first. */
  readonly needs: readonly Requirement[];
  readonly cells: readonly MatrixCell[];
}

/** What an exact kernel said. */
interface Answer {
  readonly input?: VerifierInput;
  readonly result?: VerifyResult;
  readonly refusal?: KernelError;
}

/**
 * A program on the kernels named, as `profiles` (by version) verify it and as the tables of first
 * versions tell of the others.
 *
 * @example
 * const profiles = new Map([['6.12', await loadKernelProfile()]]);
 * const row = matrixRow(object, program, ['5.15', '6.12'], profiles);
 * row.cells[0]!.missing[0]; // { name: 'bpf_loop', … }
 */
export function matrixRow(
  object: ObjectFile,
  program: ProgramSpec,
  versions: readonly string[],
  profiles: ReadonlyMap<string, KernelProfile>,
  objectName = '',
): MatrixRow {
  const answers = new Map(
    [...profiles].map(([version, profile]) => [version, ask(object, program, profile, objectName)]),
  );
  const known = [...answers].sort(([a], [b]) => versionCodeOf(b) - versionCodeOf(a));
  const best = known.find(([, answer]) => answer.input)?.[1];
  const needs = best?.input
    ? requirementsOf(
        object,
        program,
        best.input,
        best.result?.ok ? best.result.facts.seen : undefined,
      )
    : [];
  const cells = versions.map((version) => {
    const answer = answers.get(version);
    const missing = needs.filter(({ since }) => versionCodeOf(since) > versionCodeOf(version));
    return answer
      ? exactCell(version, answer, missing)
      : likelyCell(version, missing, nearest(known, version));
  });
  return { program, needs, cells };
}

function ask(
  object: ObjectFile,
  program: ProgramSpec,
  profile: KernelProfile,
  objectName: string,
): Answer {
  try {
    const input = verifierInput(object, program, profile, { objectName });
    return { input, result: verify(input, profile) };
  } catch (error) {
    if (error instanceof KernelError) return { refusal: error };
    throw error;
  }
}

function exactCell(kernel: string, answer: Answer, missing: readonly Requirement[]): MatrixCell {
  const { result } = answer;
  const base = { kernel, certainty: 'exact', missing } as const;
  const reason = reasonOf(answer);
  if (!result) return { ...base, verdict: 'rejected', reason: reason ?? '' };
  const insns = result.stats.processed;
  if (result.ok) return { ...base, verdict: 'accepted', insns, missing: [] };
  return { ...base, verdict: 'rejected', insns, reason: reason ?? '' };
}

/** First line of what a kernel, or the loader before it, has against the program. */
function reasonOf({ result, refusal }: Answer): string | undefined {
  if (refusal) return refusal.message;
  if (!result || result.ok) return undefined;
  return result.reason?.text.split('\n')[0] ?? result.errnoName;
}

/**
 * A kernel without rules of its own lacks something, or does what the next newer one does whose
 * rules are known.
 */
function likelyCell(
  kernel: string,
  missing: readonly Requirement[],
  newer: Answer | undefined,
): MatrixCell {
  const base = { kernel, certainty: 'likely', missing } as const;
  const lack = missing.find(({ weak }) => !weak);
  if (lack) return { ...base, verdict: 'rejected', reason: `no ${requirementText(lack)}` };
  const reason = newer && reasonOf(newer);
  if (reason !== undefined) return { ...base, verdict: 'rejected', reason };
  const optional = missing[0] && `if it can do without ${requirementText(missing[0])}`;
  return { ...base, verdict: 'accepted', ...(optional && { reason: optional }) };
}

function nearest(
  known: readonly (readonly [string, Answer])[],
  version: string,
): Answer | undefined {
  const code = versionCodeOf(version);
  return known.findLast(([other]) => versionCodeOf(other) > code)?.[1] ?? known[0]?.[1];
}

const KIND_WORDS: Readonly<Record<FeatureKind, string>> = {
  program_type: 'program type ',
  attach_type: 'attach type ',
  map_type: 'map type ',
  map_flag: 'map flag BPF_F_',
  helper: '',
  kfunc: 'kfunc ',
  instruction: '',
  flag: 'flag ',
  btf_kind: 'BTF kind ',
};

/** 'bpf_loop: 5.17', 'map type arena: 6.9'. */
export function requirementText({ kind, name, since }: Requirement): string {
  return `${KIND_WORDS[kind]}${name}: ${since}`;
}
