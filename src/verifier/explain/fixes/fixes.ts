/**
 * Fixes that are tried before they are shown: changes of a rejected program with which the verifier
 * says yes and the instruction that failed is still reached.
 */
import type { KernelProfile } from '../../../abi/profile.ts';
import type { VerifierInput, VerifyOptions } from '../../types.ts';
import { verify } from '../../verify.ts';
import type { Explanation, VerifiedFix } from '../types.ts';
import { indexLimits, lengths, offsetLimits } from './bounds.ts';
import { gplLicence, kfuncRemovals, otherHelpers, sleepable } from './calls.ts';
import { type Candidate, type Maker, newInsns } from './candidate.ts';
import { argument, describeInsn, type Failure, failureOf } from './failure.ts';
import { insnTexts } from './insns.ts';
import { loopLimits } from './loops.ts';
import { nullChecks } from './null-check.ts';
import { packetChecks } from './packet-check.ts';
import { applyPatch } from './patch.ts';
import {
  contextSizes,
  divisions,
  numberAsPointer,
  pointerArithmetic,
  probeReads,
  unmovedPointers,
} from './pointers.ts';
import { callRemovals, releases, sectionEnds } from './release.ts';
import { returnRanges, returnValues, unsetRegisters } from './returns.ts';
import { Source } from './source.ts';
import { stackInits } from './stack-init.ts';

export interface FixOptions extends VerifyOptions {
  /** Whole source files by the names line_info has, where they are at hand. */
  readonly sourceText?: (file: string) => string | undefined;
  /** Fixes wanted. Default 3. */
  readonly most?: number;
  /** Candidates tried. Default 24. */
  readonly tries?: number;
  /** Instructions the verifier may walk for all tries together. Default 4,000,000. */
  readonly budget?: number;
}

const nullCheckOf =
  (place: (failure: Failure) => number): Maker =>
  (failure, source) =>
    nullChecks(failure, source, place(failure));

const first = (failure: Failure) => argument(failure, 0);
const argumentBehind = (failure: Failure) => argument(failure, 0) + 1;

const invalidAccess: Maker = (failure, source) => [
  ...nullChecks(failure, source, first(failure)),
  ...(String(failure.reason.args[1]) === 'scalar' ? numberAsPointer(failure, source) : []),
];

/** By the code of the kernel's message: who knows what may help, the likeliest first. */
const MAKERS: Readonly<Record<string, readonly Maker[]>> = {
  'mem.invalid_access': [invalidAccess],
  'alu.pointer_maybe_null': [nullCheckOf(first)],
  'call.possibly_null': [nullCheckOf(first)],
  'call.reg_type': [nullCheckOf(first), numberAsPointer],
  'mem.helper_pointer': [nullCheckOf(first), numberAsPointer],
  'kfunc.possibly_null': [nullCheckOf(argumentBehind)],
  'subprog.expects_nonnull': [nullCheckOf(argumentBehind)],
  'packet.outside': [packetChecks],
  'mem.max_outside': [indexLimits],
  'mem.min_outside': [indexLimits],
  'mem.min_negative': [indexLimits],
  'mem.unbounded': [indexLimits],
  'stack.variable_out_of_bounds': [indexLimits],
  'stack.unbounded': [indexLimits],
  'alu.offset_unbounded': [offsetLimits],
  'alu.offset_out_of_bounds': [offsetLimits],
  'mem.size_negative': [lengths],
  'mem.size_zero': [lengths],
  'mem.size_unbounded': [lengths],
  'stack.uninit_read': [stackInits],
  'stack.uninit_range': [stackInits],
  'stack.uninit_variable_range': [stackInits],
  'return.out_of_range': [returnRanges],
  'return.not_known': [returnValues],
  'return.leaks_address': [returnValues],
  'return.subprog_not_scalar': [returnValues],
  'flow.reg_not_readable': [unsetRegisters],
  'subprog.reference_leak': [releases],
  'flow.exit_under_lock': [sectionEnds],
  'flow.calls_under_lock': [sectionEnds],
  'subprog.global_with_lock': [sectionEnds],
  'flow.exit_under_rcu': [sectionEnds],
  'flow.exit_without_preemption': [sectionEnds],
  'lock.two': [sectionEnds, callRemovals],
  'lock.not_taken': [callRemovals],
  'lock.different': [callRemovals],
  'region.unmatched_rcu': [callRemovals],
  'region.unmatched_preempt': [callRemovals],
  'region.nested_rcu': [callRemovals],
  'reference.must_be_referenced': [callRemovals],
  'reference.not_acquired': [callRemovals],
  'reference.unacquired_dynptr': [callRemovals],
  'iter.uninitialized': [callRemovals],
  'call.wrong_program_type': [otherHelpers],
  'call.invalid_func': [otherHelpers],
  'call.gpl_only': [gplLicence],
  'kfunc.not_gpl': [gplLicence],
  'call.might_sleep': [sleepable, otherHelpers],
  'kfunc.sleepable': [sleepable, kfuncRemovals],
  'kfunc.not_allowed': [kfuncRemovals],
  'alu.pointer_32': [pointerArithmetic],
  'alu.partial_copy': [pointerArithmetic],
  'alu.pointer_bitwise': [pointerArithmetic],
  'alu.pointer_operator': [pointerArithmetic],
  'alu.div_by_zero': [divisions],
  'mem.modified_pointer': [unmovedPointers],
  'context.invalid_access': [contextSizes],
  'btf_access.beyond_struct': [
    (failure) => probeReads(failure, failure.code.src[failure.insn] ?? 10),
  ],
  'prune.infinite_loop': [loopLimits],
  'flow.too_large': [loopLimits],
  'flow.jumps_too_complex': [loopLimits],
};

/**
 * Changes with which the verifier accepts a rejected program, simplest first. Each was tried: the
 * changed program passes, and the instruction that failed is still reached in it (or it was wrong
 * by itself, and the change takes it out).
 *
 * @example
 * for (const { title, source } of fixesFor(input, profile, explain(input, profile)!)) {
 *   console.info(title, source?.lines);
 * }
 */
export function fixesFor(
  input: VerifierInput,
  profile: KernelProfile,
  explanation: Explanation,
  options: FixOptions = {},
): VerifiedFix[] {
  const { sourceText, most = 3, tries = 24, budget = 4_000_000, ...rest } = options;
  const makers = MAKERS[explanation.code];
  const failure = makers && failureOf(input, profile, rest);
  if (!makers || !failure) return [];
  const source = new Source(input, sourceText);
  const candidates = makers.flatMap((make) => make(failure, source)).slice(0, tries);
  const found: Tried[] = [];
  let left = budget;
  for (const candidate of candidates) {
    if (left <= 0) break;
    const { walked, fix } = tryOut(failure, candidate);
    left -= walked;
    if (fix && !found.some(isSame(fix))) found.push(fix);
  }
  return found
    .toSorted(simplerFirst(failure))
    .slice(0, most)
    .map(({ fix }) => fix);
}

/** A candidate that passed. */
interface Tried {
  readonly candidate: Candidate;
  readonly fix: VerifiedFix;
}

function tryOut(failure: Failure, candidate: Candidate): { walked: number; fix?: Tried } {
  const { input, profile, options, insn } = failure;
  const changed = { ...input, ...candidate.change };
  const patched = candidate.patch
    ? applyPatch(changed, candidate.patch)
    : { input: changed, at: (one: number) => one };
  if (!patched) return { walked: 0 };
  const { ok, stats, facts } = verify(patched.input, profile, options);
  const isReached = candidate.removes || facts.seen[patched.at(insn)] !== 0;
  if (!ok || !isReached) return { walked: stats.processed };
  const fix: VerifiedFix = {
    kind: candidate.kind,
    title: candidate.title,
    at: describeInsn(failure, candidate.at),
    insns: insnTexts(candidate.shown ?? newInsns(candidate)),
    source: candidate.source,
    stats,
  };
  return { walked: stats.processed, fix: { candidate, fix } };
}

/** Two fixes that a reader could not tell apart. */
const isSame =
  ({ fix }: Tried) =>
  (other: Tried): boolean =>
    fix.kind === other.fix.kind &&
    (fix.title === other.fix.title || fix.insns.join() === other.fix.insns.join());

/** Fewest instructions first, then nearest to the fault; what takes something out comes last. */
function simplerFirst({ insn }: Failure) {
  const weight = ({ candidate, fix }: Tried) =>
    (candidate.kind === 'remove' ? 1000 : 0) +
    newInsns(candidate).length * 10 +
    Math.min(9, Math.abs(fix.at.insn - insn));
  return (a: Tried, b: Tried) => weight(a) - weight(b);
}
