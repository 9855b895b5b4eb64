/** Searching logs for the patterns of `__msg`: text with `{{POSIX extended regex}}` inside. */

const SPECIAL = /[.[\]\\()*+?{}|^$]/g;

/** Names of POSIX classes inside brackets. */
const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'a-zA-Z',
  digit: '0-9',
  alnum: 'a-zA-Z0-9',
  space: '\\s',
  xdigit: '0-9a-fA-F',
  upper: 'A-Z',
  lower: 'a-z',
  blank: ' \\t',
};

/** As a JavaScript expression: `.` and `[^x]` stay on their line, `^ $` match at lines. */
export function compilePattern(pattern: string): RegExp {
  const parts = pattern.split(/\{\{|\}\}/);
  const text = parts.map((part, i) => (i % 2 === 0 ? part.replace(SPECIAL, '\\$&') : posix(part)));
  return new RegExp(text.join(''), 'm');
}

function posix(expression: string): string {
  return expression
    .replace(/\[:(\w+):\]/g, (_, name: string) => CLASSES[name] ?? '')
    .replace(/\[\^/g, '[^\\n');
}

/**
 * One forward scan: each pattern is searched behind the match of the one before. Returns the index
 * of the first that is not there, or -1.
 */
export function firstMissing(log: string, patterns: readonly string[]): number {
  let at = 0;
  for (let i = 0; i < patterns.length; i++) {
    const end = matchEnd(log, at, patterns[i]!);
    if (end < 0) return i;
    at = end;
  }
  return -1;
}

function matchEnd(log: string, at: number, pattern: string): number {
  if (!pattern.includes('{{')) {
    const found = log.indexOf(pattern, at);
    return found < 0 ? -1 : found + pattern.length;
  }
  const rest = log.slice(at);
  const match = compilePattern(pattern).exec(rest);
  return match ? at + match.index + match[0].length : -1;
}
