import type { VerifierEnv } from '../../env.ts';
import type { Message } from '../../messages/message.ts';
import { MASK, regAt, SCALAR_VALUE, TYPE } from '../../state/layout.ts';
import type { CauseId } from '../cause-ids.ts';
import { calledName, isCall } from '../insn.ts';
import type { PathRecorder, Place } from '../trace.ts';

/** What an explanation is made from: the last words, and how the walk came there. */
export interface Situation {
  readonly message: Message;
  readonly env: VerifierEnv;
  readonly path: PathRecorder;
}

/** What is wrong, which value it is about, and what would help. */
export interface Cause {
  /** Where the words of the message alone do not tell it. */
  readonly id?: CauseId;
  /** One plain sentence. */
  readonly problem: string;
  readonly subject?: Place;
  /** Instead of a value: an instruction, and what it did; the branches since are told. */
  readonly since?: { readonly insn: number; readonly what: string };
  /** Instruction the message is about, where that is not the one the walk stopped at. */
  readonly at?: number;
  /** Where the author should change something, if that is neither `at` nor told by the history. */
  readonly blame?: number;
  readonly advice: readonly string[];
}

export type CauseTable = Readonly<Record<string, (situation: Situation) => Cause>>;

/** Argument `n` of the message as a number. */
export function number({ message }: Situation, n: number): number {
  return Number(message.args[n]);
}

/** Argument `n` of the message as text. */
export function text({ message }: Situation, n: number): string {
  return String(message.args[n]);
}

/** Register `n` of the frame the walk stopped in. */
export function register({ path }: Situation, n: number): Place {
  return { frame: path.frames[path.length - 1] ?? 0, register: n, slot: 0 };
}

/** The last message with this code before the one that rejected. */
export function earlier({ path }: Situation, code: string): Message | undefined {
  return path.messages.findLast((one) => one.code === code);
}

/** 'a map value of 16 bytes', '3 bytes'. */
export function bytes(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`;
}

/** Word `word` of register `n` when the walk was rejected; undefined before the walk. */
export function lastWord({ path }: Situation, n: number, word: number): number | undefined {
  return path.last[path.frames[path.length - 1] ?? 0]?.[regAt(n) + word];
}

/** True if register `n` is a number that is not known exactly. */
export function isVariable(s: Situation, n: number): boolean {
  return ((lastWord(s, n, MASK) ?? 0) | (lastWord(s, n, MASK + 1) ?? 0)) !== 0;
}

/** Instruction the walk was rejected at, or -1. */
export function lastInsn({ path }: Situation): number {
  return path.insns[path.length - 1] ?? -1;
}

/**
 * Register with the length that belongs to memory register `n` of the call that was rejected;
 * undefined if that is no call, or the length is a constant.
 */
export function variableLength(s: Situation, n: number): number | undefined {
  const { env } = s;
  if (!isCall(env, Math.max(lastInsn(s), 0)) || n < 1 || n > 4) return undefined;
  const isNumber = lastWord(s, n + 1, TYPE) === SCALAR_VALUE;
  return isNumber && isVariable(s, n + 1) ? n + 1 : undefined;
}

/** The last call on the path of something whose name matches; -1: none. */
export function lastCall({ env, path }: Situation, name: RegExp): number {
  for (let step = path.length - 1; step >= 0; step--) {
    const insn = path.insns[step]!;
    if (isCall(env, insn) && name.test(calledName(env, insn))) return insn;
  }
  return -1;
}
