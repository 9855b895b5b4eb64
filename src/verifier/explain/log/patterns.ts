import { alu } from '../../messages/alu.ts';
import { attach } from '../../messages/attach.ts';
import { btfAccessMessages } from '../../messages/btf-access.ts';
import { btfInfo } from '../../messages/btf-info.ts';
import { callMessages, mapCallMessages, referenceMessages } from '../../messages/call.ts';
import { contextMessages } from '../../messages/context.ts';
import { dynptrMessages } from '../../messages/dynptr.ts';
import { finish } from '../../messages/finish.ts';
import { flow } from '../../messages/flow.ts';
import { jump } from '../../messages/jump.ts';
import {
  graphMessages,
  iterMessages,
  kfuncMessages,
  regionMessages,
} from '../../messages/kfunc.ts';
import { load } from '../../messages/load.ts';
import { lockMessages } from '../../messages/lock.ts';
import { mapMessages } from '../../messages/map.ts';
import { memMessages } from '../../messages/mem.ts';
import type { Message } from '../../messages/message.ts';
import { packetMessages } from '../../messages/packet.ts';
import { prune } from '../../messages/prune.ts';
import { returns } from '../../messages/return.ts';
import { spectre } from '../../messages/spectre.ts';
import { stackMessages } from '../../messages/stack.ts';
import { subprog } from '../../messages/subprog.ts';

/** Words that stand in a log without being a reason. */
const NO_REASONS: readonly string[] = [
  'flow.subprogram',
  'flow.time',
  'flow.stack_depth',
  'flow.processed',
  'flow.function_safe',
  'flow.validating',
  'prune.propagating',
  'prune.current_state',
  'prune.old_state',
  'subprog.caller',
  'subprog.callee',
  'subprog.returning',
  'subprog.exit_to',
  'subprog.assumed_valid',
];

type Makers = Readonly<Record<string, (...args: never[]) => Message>>;

/** Every table of words a log may have. */
export const messageTables = [
  alu,
  attach,
  btfAccessMessages,
  btfInfo,
  callMessages,
  referenceMessages,
  mapCallMessages,
  contextMessages,
  dynptrMessages,
  finish,
  flow,
  jump,
  kfuncMessages,
  iterMessages,
  graphMessages,
  regionMessages,
  load,
  lockMessages,
  mapMessages,
  memMessages,
  packetMessages,
  prune,
  returns,
  spectre,
  stackMessages,
  subprog,
] as unknown as readonly Makers[];

/** How a message is recognised. */
export interface Pattern {
  readonly code: string;
  readonly regex: RegExp;
  /** What each argument is made from: a group of the regex, in its base, less this; or a value. */
  readonly args: readonly Argument[];
  /** Letters that must be there as they are: of two patterns that fit, the more particular one. */
  readonly letters: number;
}

export type Argument =
  | { readonly group: number; readonly base: 10 | 16 | 0; readonly more: number }
  | { readonly value: unknown };

/** More than any message has. */
const ARGUMENTS = 8;
/** Numbers that stand for arguments where a text computes with them; far apart, and in no text. */
const FIRST = 40_000_000;
const STEP = 100_000;

/**
 * Stands for argument `n`: as text it is a mark, as a number one of its own, so that what a text
 * does to it (adds one, writes it in hexadecimal) can be seen in the result.
 */
function placeholder(n: number) {
  const mark = `«${n}»`;
  const text = () => mark;
  return {
    toString: text,
    join: text,
    slice: text,
    [Symbol.toPrimitive]: (hint: string) => (hint === 'string' ? mark : FIRST + n * STEP),
  };
}

const PLACEHOLDERS = Array.from({ length: ARGUMENTS }, (_, n) => placeholder(n));

/** Marks, and the numbers that stand for arguments, also a little more, or in hexadecimal. */
const MARKS = /«(\d)»|4\d{7}|2[67][0-9a-f]{5}/g;

/** Texts that depend on an argument being one of these get a pattern each. */
const SPECIAL: readonly unknown[] = [false, 0, 1, ''];

/** A pattern for each text of the verifier's tables. */
export function buildPatterns(): Pattern[] {
  const patterns: Pattern[] = [];
  for (const table of messageTables) {
    for (const make of Object.values(table)) patterns.push(...patternsOf(make));
  }
  return patterns
    .filter(({ code }) => !NO_REASONS.includes(code))
    .sort((a, b) => b.letters - a.letters);
}

function patternsOf(make: (...args: never[]) => Message): Pattern[] {
  const found = new Map<string, Pattern>();
  const add = (args: readonly unknown[]) => {
    const pattern = patternOf(make, args);
    if (pattern && !found.has(pattern.regex.source)) found.set(pattern.regex.source, pattern);
  };
  add(PLACEHOLDERS);
  PLACEHOLDERS.forEach((_, n) => {
    for (const value of SPECIAL) add(PLACEHOLDERS.with(n, value as never));
  });
  return [...found.values()];
}

function patternOf(make: (...args: never[]) => Message, given: readonly unknown[]) {
  let message: Message;
  try {
    message = make(...(given as never[]));
  } catch {
    return undefined;
  }
  const text = message.text.split('\n')[0]!;
  if (text === '') return undefined;
  const args: Argument[] = given.map((value) =>
    PLACEHOLDERS.includes(value as never) ? { value: '' } : { value },
  );
  let groups = 0;
  let letters = 0;
  let source = '';
  let from = 0;
  for (const match of text.matchAll(MARKS)) {
    const [n, base, more] = meaningOf(match);
    if (n < 0 || n >= ARGUMENTS) continue;
    args[n] = { group: ++groups, base, more };
    const before = text.slice(from, match.index);
    letters += before.length;
    source += escaped(before) + GROUPS[NUMERIC.test(text.slice(0, match.index)) ? 10 : base];
    from = match.index + match[0].length;
  }
  const rest = text.slice(from);
  if (letters + rest.length < 4) return undefined;
  const regex = new RegExp(`^${source}${escaped(rest)}$`);
  return { code: message.code, regex, args, letters: letters + rest.length };
}

/** What an argument looks like: anything, or a number in that base. */
const GROUPS = { 0: '(.*?)', 10: '(-?\\d+)', 16: '([0-9a-f]+)' };

/** Behind these stand numbers. */
const NUMERIC = /(?:\bR|\barg#?|\binsn |(?<!var_)\b(?:off|size|id|r|depth)[= ]|func#|Processed )$/;

/** Which argument a mark stands for, in which base, and how much the text added to it. */
function meaningOf(match: RegExpExecArray): [n: number, base: 10 | 16 | 0, more: number] {
  if (match[1] !== undefined) return [Number(match[1]), 0, 0];
  const base = match[0].startsWith('4') ? 10 : 16;
  const distance = Number.parseInt(match[0], base) - FIRST;
  const n = Math.round(distance / STEP);
  return [n, base, distance - n * STEP];
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
