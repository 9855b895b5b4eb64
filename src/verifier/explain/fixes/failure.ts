import type { KernelProfile } from '../../../abi/profile.ts';
import { type Code, decodeCode, kernelText } from '../../../isa/index.ts';
import { lineOf } from '../../../object/index.ts';
import type { VerifierEnv } from '../../env.ts';
import type { Message } from '../../messages/message.ts';
import { composeObservers } from '../../observers.ts';
import type { VerifierInput, VerifyOptions } from '../../types.ts';
import { verify } from '../../verify.ts';
import { type LineageStep, lineageOf } from '../lineage.ts';
import { PathRecorder } from '../trace.ts';
import type { ExplainedInsn } from '../types.ts';
import { helperNames } from './insns.ts';
import { type Snapshot, snapshotOf, SnapshotRecorder } from './snapshot.ts';

/** A rejection with all that makers of fixes look at. */
export interface Failure {
  readonly input: VerifierInput;
  readonly profile: KernelProfile;
  readonly options: VerifyOptions;
  readonly reason: Message;
  /** Instruction it was rejected at. */
  readonly insn: number;
  /** Instructions the walk processed. */
  readonly walked: number;
  readonly path: PathRecorder;
  readonly env: VerifierEnv;
  /** The program as it was handed in: its pseudo loads are not resolved. */
  readonly code: Code;
  /** The state it was rejected in; undefined if that was not in the walk. */
  readonly state: Snapshot | undefined;
  /** States before these steps of the path, by step. */
  statesAt(steps: readonly number[]): Map<number, Snapshot>;
}

/** Walks to the rejection; undefined if there is none, or none with words. */
export function failureOf(
  input: VerifierInput,
  profile: KernelProfile,
  options: VerifyOptions,
): Failure | undefined {
  const path = new PathRecorder();
  const { observer, ...plain } = options;
  const quiet = { ...plain, logLevel: 0, facts: false };
  const result = verify(input, profile, {
    ...quiet,
    observer: composeObservers(path, observer)!,
  });
  if (result.ok || !result.reason) return undefined;
  // Copied at once: the next verification uses the memory again.
  const state = result.insn < 0 ? undefined : snapshotOf(path.env);
  return {
    input,
    profile,
    options: quiet,
    reason: result.reason,
    insn: Math.max(result.insn, 0),
    walked: result.stats.processed,
    path,
    env: path.env,
    code: decodeCode(input.insns),
    state,
    statesAt: (steps) => statesAt(steps, path, () => ({ input, profile, options: quiet })),
  };
}

function statesAt(
  steps: readonly number[],
  { serials }: PathRecorder,
  again: () => Pick<Failure, 'input' | 'profile' | 'options'>,
): Map<number, Snapshot> {
  const recorder = new SnapshotRecorder(new Set(steps.map((step) => serials[step]!)));
  const { input, profile, options } = again();
  verify(input, profile, { ...options, observer: recorder });
  const found = new Map<number, Snapshot>();
  for (const step of steps) {
    const state = recorder.found.get(serials[step]!);
    if (state) found.set(step, state);
  }
  return found;
}

/** Argument `n` of the words as a number. */
export const argument = ({ reason }: Failure, n: number): number => Number(reason.args[n]);

/** Where the value of a register of the running frame comes from, oldest first. */
export function historyOf({ path }: Failure, register: number): LineageStep[] {
  const frame = path.frames[path.length - 1] ?? 0;
  return lineageOf(path, { frame, register, slot: 0 }, path.length - 1);
}

/** The last message with this code before the one that rejected. */
export function said({ path }: Failure, code: string): Message | undefined {
  return path.messages.findLast((one) => one.code === code);
}

/** First instruction of the function that runs at the rejection in frame `frame`. */
export function functionStart({ env, state }: Failure, frame: number): number {
  const subprog = state?.frames[frame]?.subprog ?? 0;
  return env.subprogs[subprog]?.start ?? 0;
}

/** An instruction with its text and line. */
export function describeInsn({ input, code }: Failure, insn: number): ExplainedInsn {
  const text = insn < code.length ? kernelText(code, insn, helperNames) : '';
  return { insn, text, line: lineOf(input.lineInfo, insn) };
}
