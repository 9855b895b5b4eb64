import { kernelText } from '../../isa/index.ts';
import { helperName } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { lineOf } from '../log/log.ts';
import type { KernelProfile, VerifierInput, VerifyOptions } from '../types.ts';
import { verify } from '../verify.ts';
import { causeOf } from './causes.ts';
import type { Cause } from './causes/cause.ts';
import { type LineageStep, lineageOf, pathSince } from './lineage.ts';
import { PathRecorder, type Place, ValueRecorder } from './trace.ts';
import type { ExplainedInsn, Explanation } from './types.ts';

/**
 * Explains a rejection: walks the program again, keeps the path that led to it, follows the value
 * the message is about back to where it was made, and walks once more to see what it held on the
 * way. Undefined when the program passes or the kernel gives no reason.
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
  const path = new PathRecorder();
  const quiet = { ...options, logLevel: 0 };
  const result = verify(input, profile, { ...quiet, observer: path });
  if (result.ok || !result.reason) return undefined;
  const { env } = path;
  const insn = Math.max(result.insn, 0);
  const cause = causeOf(result.reason, env, path);
  const place = cause.subject;
  const steps = stepsOf(cause, path);
  const wanted = new Map<number, Place>(steps.map((one) => [path.serials[one.step]!, one.place]));
  const last = path.serials[path.length - 1] ?? 0;
  if (place && last > 0) wanted.set(last - 1, place);
  const values = new ValueRecorder(wanted);
  if (wanted.size > 0) verify(input, profile, { ...quiet, observer: values });
  return {
    code: result.reason.code,
    kernel: result.reason.text,
    problem: cause.problem,
    at: describe(env, insn),
    subject: place && { name: placeName(place), value: values.texts.get(last - 1) ?? '' },
    steps: steps.map((step) => ({
      ...describe(env, step.insn),
      kind: step.kind,
      what: step.insn === cause.since?.insn ? cause.since.what : stepText(env, step),
      value: values.texts.get(path.serials[step.step]!) ?? '',
    })),
    advice: cause.advice,
  };
}

function stepsOf({ subject, since }: Cause, path: PathRecorder): LineageStep[] {
  if (subject) return lineageOf(path, subject, path.length - 1);
  return since ? pathSince(path, since.insn) : [];
}

/** An instruction with its text and source line. */
export function describe(env: VerifierEnv, insn: number): ExplainedInsn {
  return { insn, text: insnText(env, insn), line: lineOf(env.input.lineInfo, insn) };
}

function insnText(env: VerifierEnv, insn: number): string {
  if (insn >= env.length) return '';
  const helper = (id: number) => helperName(id) && `bpf_${helperName(id)}`;
  return kernelText(env.code, insn, { helper });
}

/** 'R2', 'fp-8'; places of other frames name the frame. */
export function placeName(place: Place): string {
  const name = place.register < 0 ? `fp-${(place.slot + 1) * 8}` : `R${place.register}`;
  return place.frame === 0 ? name : `${name} of frame ${place.frame}`;
}

function stepText(env: VerifierEnv, step: LineageStep): string {
  const name = placeName(step.place);
  const from = `R${env.code.src[step.insn]}`;
  switch (step.kind) {
    case 'made':
      return `${name} gets its value here`;
    case 'copied':
      return `${name} is a copy of ${from}`;
    case 'spilled':
      return `${from} is saved to ${name}`;
    case 'filled':
      return `${name} is read back from the stack`;
    case 'changed':
      return `${name} is changed`;
    case 'moved':
      return `${from} is added to the pointer`;
    case 'tested':
      return `${name} is tested, and the branch is ${step.taken ? 'taken' : 'not taken'}`;
    case 'passed':
      return `${name} is passed to the function`;
    case 'returned':
      return `${name} is returned`;
    case 'lost':
      return `the call leaves ${name} without a value`;
  }
}
