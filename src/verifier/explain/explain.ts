import type { VerifierEnv } from '../env.ts';
import type { Message } from '../messages/message.ts';
import { MASK, PTR_TO_STACK, regAt, TYPE, VALUE } from '../state/layout.ts';
import { composeObservers } from '../observers.ts';
import type { KernelProfile, VerifierInput, VerifyOptions, VerifyResult } from '../types.ts';
import { verify } from '../verify.ts';
import { blameOf } from './blame.ts';
import type { CauseId } from './cause-ids.ts';
import { causeOf } from './causes.ts';
import type { Cause } from './causes/cause.ts';
import { checksElsewhere, lateCheck } from './checks.ts';
import { describe, placeName } from './insn.ts';
import { branchesOf, callsOnTheWay, type LineageStep, lineageOf, pathSince } from './lineage.ts';
import { silentExplanation } from './silent.ts';
import { stepText } from './step-text.ts';
import { PathRecorder, type Place, ValueRecorder } from './trace.ts';
import type { ExplainedStep, Explanation } from './types.ts';
import { isPointerText, valueText } from './value-text.ts';

/** A rejection with all that was seen on the way there. */
export interface Rejected {
  readonly explanation: Explanation;
  readonly result: VerifyResult;
  /** Undefined where the program was refused before it was read. */
  readonly path: PathRecorder | undefined;
  readonly cause: (Cause & { readonly id: CauseId }) | undefined;
  readonly steps: readonly LineageStep[];
}

/**
 * Explains a rejection: walks the program again, keeps the path that led to it, follows the value
 * the message is about back to where it was made, and walks once more to see what it held on the
 * way. Undefined when the program passes.
 *
 * @example
 * const result = verify(input, profile);
 * if (!result.ok) console.info(explanationText(explain(input, profile)!));
 */
export function explain(
  input: VerifierInput,
  profile: KernelProfile,
  options: VerifyOptions = {},
): Explanation | undefined {
  return rejectedBy(input, profile, options)?.explanation;
}

/** As `explain`, with the path and the history it was made from. */
export function rejectedBy(
  input: VerifierInput,
  profile: KernelProfile,
  options: VerifyOptions,
): Rejected | undefined {
  const path = new PathRecorder();
  const quiet = { ...options, logLevel: 0 };
  // What the caller's observer does to a state comes before ours looks at it.
  const watch = (own: PathRecorder | ValueRecorder) => composeObservers(own, options.observer)!;
  const result = verify(input, profile, { ...quiet, observer: watch(path) });
  if (result.ok) return undefined;
  const { reason } = result;
  if (!reason || !path.isStarted) return silentlyRejected(input, result, path);
  const cause = causeOf({ message: reason, env: path.env, path });
  const steps = stepsOf(cause, path);
  const calls = callsOnTheWay(path, cause.since ? [] : steps);
  const values = new ValueRecorder(wantedPlaces(cause.subject, [...steps, ...calls], path));
  if (values.isAsked) verify(input, profile, { ...quiet, observer: watch(values) });
  const history = withEnds(steps, calls, path, values.texts);
  const explanation = explanationOf(result, reason, cause, history, path, values);
  return { explanation, result, path, cause, steps };
}

/**
 * The history with the calls in it that made a number of a pointer; `texts` are the values by
 * number of the step.
 */
export function withEnds(
  steps: readonly LineageStep[],
  calls: readonly LineageStep[],
  path: PathRecorder,
  texts: ReadonlyMap<number, string>,
): LineageStep[] {
  let before = '';
  const all = [...steps, ...calls].sort((a, b) => a.step - b.step);
  return all.filter((step) => {
    const value = texts.get(path.serials[step.step]!) ?? '';
    const isEnd = isPointerText(before) && value !== '' && isWorse(value, before);
    before = value || before;
    return step.kind !== 'ended' || isEnd;
  });
}

/** A pointer became a number, or one that the kernel does not vouch for. */
function isWorse(value: string, before: string): boolean {
  const isUntrusted = (text: string) => text.startsWith('untrusted_');
  return !isPointerText(value) || (isUntrusted(value) && !isUntrusted(before));
}

function silentlyRejected(
  input: VerifierInput,
  result: VerifyResult,
  path: PathRecorder,
): Rejected {
  const explanation = silentExplanation(input, result, path.isStarted ? path.env : undefined);
  const seen = path.isStarted ? path : undefined;
  return { explanation, result, path: seen, cause: undefined, steps: [] };
}

/** The explanation from its parts; of the values only the texts by number of step count. */
export function explanationOf(
  result: Pick<VerifyResult, 'insn'>,
  reason: Message,
  cause: Cause & { readonly id: CauseId },
  history: readonly LineageStep[],
  path: PathRecorder,
  values: Pick<ValueRecorder, 'texts'>,
): Explanation {
  const { env } = path;
  const place = cause.subject;
  const at = describe(env, cause.at ?? result.insn);
  const steps = [
    ...explainedSteps(cause, history, path, values),
    ...lateSteps(cause, at.insn, path),
  ];
  return {
    cause: cause.id,
    code: reason.code,
    kernel: reason.text,
    problem: cause.problem + endText(steps),
    at,
    blame: describe(env, cause.blame ?? bodyOf(env, blameOf(cause, at.insn, steps))),
    subject: place && { name: placeName(place), value: values.texts.get(lastSerial(path)) ?? '' },
    steps,
    advice: endAdvice(steps) ?? cause.advice,
  };
}

/** Since when a pointer is none any more, if a call ended it. */
function endText(steps: readonly ExplainedStep[]): string {
  const end = steps.findLast(({ kind }) => kind === 'ended');
  if (!end) return '';
  const place = end.line ? `line ${end.line.line}` : `instruction ${end.insn}`;
  const was = isPointerText(end.value) ? 'The kernel vouched for it' : 'It was a pointer';
  return ` ${was} until the call in ${place}.`;
}

function endAdvice(steps: readonly ExplainedStep[]): string[] | undefined {
  const end = steps.findLastIndex(({ kind }) => kind === 'ended');
  if (end < 0) return undefined;
  const before = steps.slice(0, end).findLast(({ value }) => value !== '')?.value ?? '';
  if (before.startsWith('pkt')) {
    return ['Read `data` and `data_end` from the context again after that call, and check again.'];
  }
  return ['Do not use it behind that call, or get it anew: what it points to may be gone.'];
}

function explainedSteps(
  cause: Cause,
  history: readonly LineageStep[],
  path: PathRecorder,
  values: Pick<ValueRecorder, 'texts'>,
): ExplainedStep[] {
  let before = '';
  return history.map((step): ExplainedStep => {
    const since = step.insn === cause.since?.insn;
    const value = values.texts.get(path.serials[step.step]!) ?? '';
    const refined = valueText(value) !== valueText(before);
    before = value;
    return {
      ...describe(path.env, step.insn),
      kind: step.kind,
      what: since ? cause.since.what : stepText(path.env, step, refined),
      value,
    };
  });
}

const CHECKABLE: readonly CauseId[] = [
  'packet-bounds',
  'index-out-of-range',
  'index-unbounded',
  'null-check-missing',
  'negative-length',
  'length-unbounded',
  'zero-length',
];

/** A check of the same value that comes after its use. */
function lateSteps(
  cause: Cause & { readonly id: CauseId },
  insn: number,
  path: PathRecorder,
): ExplainedStep[] {
  const { subject, id } = cause;
  if (!subject || subject.register < 0 || !CHECKABLE.includes(id)) return [];
  const late = lateCheck(path, insn, subject.register, id === 'packet-bounds');
  if (late < 0) return [];
  const what = 'this check comes after the use';
  return [{ ...describe(path.env, late), kind: 'late', what, value: '' }];
}

/**
 * The first instruction of a function has the line of its head; what it does stands on the line
 * that follows.
 */
function bodyOf(env: VerifierEnv, insn: number): number {
  const { lineInfo, functionInfo } = env.input;
  if (insn === 0 || !functionInfo.some((one) => one.insn === insn)) return insn;
  const next = lineInfo.find((line) => line.insn > insn);
  const end = functionInfo.find((one) => one.insn > insn)?.insn ?? env.length;
  return next && next.insn < end ? next.insn : insn;
}

/** Number of the step before the one that was rejected. */
const lastSerial = (path: PathRecorder) => (path.serials[path.length - 1] ?? 0) - 1;

/** Which places the explanation shows, by number of the step they are looked at after. */
export function wantedPlaces(
  subject: Place | undefined,
  steps: readonly LineageStep[],
  path: PathRecorder,
): Map<number, Place> {
  const wanted = new Map(steps.map((one) => [path.serials[one.step]!, one.place] as const));
  if (subject && lastSerial(path) >= 0) wanted.set(lastSerial(path), subject);
  return wanted;
}

/** The history of what a cause is about. */
export function stepsOf(
  { subject, since, id }: Cause & { readonly id: CauseId },
  path: PathRecorder,
): LineageStep[] {
  if (since) return pathSince(path, since.insn);
  if (!subject) return [];
  const steps = lineageOf(path, subject, path.length - 1);
  if (NEVER_WRITTEN.includes(id) && !steps.some(({ kind }) => kind === 'lost')) {
    return branchesOf(path);
  }
  return isStackAddress(path, subject) ? [] : checksElsewhere(path, steps);
}

/** What was never written has no history but the way that led past it. */
const NEVER_WRITTEN: readonly CauseId[] = ['uninitialised-register', 'stack-uninitialised'];

/** True for the address of a local variable: how that was computed tells nothing. */
function isStackAddress(path: PathRecorder, { frame, register }: Place): boolean {
  const words = path.last[frame];
  if (!words || register < 0) return false;
  const r = regAt(register);
  const isFixed = words[r + MASK] === 0 && words[r + MASK + 1] === 0;
  return words[r + TYPE] === PTR_TO_STACK && words[r + VALUE] === 0 && isFixed;
}
