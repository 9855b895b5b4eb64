/** What the commands of `ip` have in common. */
import type { NetNamespace } from '../machine/net/namespace.ts';
import { usageError } from './exit.ts';
import type { Session } from './machine-file.ts';

/** What a command has: the machine, the namespace it is in, and the words left. */
export interface IpCall {
  readonly session: Session;
  readonly net: NetNamespace;
  readonly words: string[];
}

/** The next word. */
export function take(words: string[], what: string): string {
  const word = words.shift();
  if (word !== undefined) return word;
  throw usageError(`ip: ${what} is missing`);
}

/** `NAME VALUE` pairs of the names given, wherever they stand; others stay. */
export function takePairs(words: string[], names: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < words.length; ) {
    const name = words[at]!;
    if (!names.includes(name)) at++;
    else {
      const [, value] = words.splice(at, 2);
      if (value === undefined) throw usageError(`ip: '${name}' wants a value`);
      found.set(name, value);
    }
  }
  return found;
}

/** Without a length it is a single host. */
export const withLength = (text: string): string =>
  text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
