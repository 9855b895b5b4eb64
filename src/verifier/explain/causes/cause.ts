import type { VerifierEnv } from '../../env.ts';
import type { Message } from '../../messages/message.ts';
import type { PathRecorder, Place } from '../trace.ts';

/** What an explanation is made from: the last words, and how the walk came there. */
export interface Situation {
  readonly message: Message;
  readonly env: VerifierEnv;
  readonly path: PathRecorder;
}

/** What is wrong, which value it is about, and what would help. */
export interface Cause {
  /** One plain sentence. */
  readonly problem: string;
  readonly subject?: Place;
  /** Instead of a value: an instruction, and what it did; the branches since are told. */
  readonly since?: { readonly insn: number; readonly what: string };
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
