import type { Message } from '../../messages/message.ts';
import { dialects } from './dialects.ts';
import { type Argument, buildPatterns, type Pattern } from './patterns.ts';

let patterns: readonly Pattern[] | undefined;

/** Longer lines are no message of the verifier: one print is cut at 1,023 characters. */
const MAX_LINE = 1023;

/**
 * The message that stands in a line, whatever kernel wrote it, also behind a loader's own words and
 * ': '; undefined if there is none.
 */
export function recognise(line: string): Message | undefined {
  if (line.length > MAX_LINE) return undefined;
  const cuts = [...line.matchAll(/: /g)].slice(0, 8).map(({ index }) => line.slice(index + 2));
  for (const text of [line, ...cuts]) {
    const found = messageIn(text);
    if (found) return found;
  }
  return undefined;
}

function messageIn(text: string): Message | undefined {
  patterns ??= buildPatterns();
  for (const { code, regex, args } of patterns) {
    const match = regex.exec(text);
    if (match) return { code, text, args: args.map((one) => argument(one, match)) };
  }
  for (const { code, regex, args } of dialects) {
    const match = regex.exec(text);
    if (match) return { code, text, args: args(match.slice(1)) };
  }
  return undefined;
}

function argument(one: Argument, match: RegExpExecArray): unknown {
  if ('value' in one) return one.value;
  const text = match[one.group] ?? '';
  if (one.base !== 0) return Number.parseInt(text, one.base) - one.more;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
