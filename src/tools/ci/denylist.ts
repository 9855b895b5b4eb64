/** Lists of known failures, as the kernel's CI and others keep them. */
import { FormatError } from '../../base/index.ts';
import type { CiFinding } from './types.ts';

/** A line of a list: a pattern of names, and why it is there. */
export interface Denied {
  readonly pattern: string;
  readonly reason: string;
  readonly matches: (name: string) => boolean;
}

/**
 * Reads a DENYLIST: a name a line, `*` for anything, 'object/program' or either alone; what stands
 * behind `#` or ':' is the reason. Every text is such a list.
 *
 * @example
 * readDenylist('verifier_*  # needs another JIT\nloop3: too slow');
 */
export function readDenylist(text: string): Denied[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', ...comment] = line.split('#');
    const [, pattern = '', said = ''] = /^\s*([^\s:]*)\s*:?(.*)$/.exec(before) ?? [];
    if (pattern === '') return [];
    const reason = [said, comment.join('#')].map((one) => one.trim()).find((one) => one !== '');
    return [{ pattern, reason: reason ?? 'it is in the list', matches: matcher(pattern) }];
  });
}

/** True for names that the pattern stands for: `*` is anything. */
export function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  return (name) => {
    if (last === undefined) return name === pattern;
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - at >= last.length && name.endsWith(last);
  };
}

/** Findings, with the reason at those the lists let pass. */
export function withDenied(found: readonly CiFinding[], lists: readonly Denied[]): CiFinding[] {
  return found.map((one) => {
    const names = namesOf(one.record);
    const entry = lists.find(({ matches }) => names.some(matches));
    return entry ? { ...one, denied: entry.reason } : one;
  });
}

/** What a list may call a program: by object (with or without ending), by itself, by both. */
function namesOf({ file, prog }: CiFinding['record']): string[] {
  const object = file.split('/').at(-1)!;
  const stem = object.replace(/(?:\.bpf)?\.o$/, '');
  return [prog, object, stem, `${object}/${prog}`, `${stem}/${prog}`];
}

/** A line of a log of the kernel that says something is wrong, or one that is known. */
export interface Splat {
  readonly line: number;
  readonly text: string;
}

/**
 * Lines of a kernel's log (`dmesg`) that the expressions of one list match and none of the other's:
 * SPLAT_DENYLIST and SPLAT_ALLOWLIST, a regular expression a line, `#` before comments. Throws
 * FormatError for what is no expression; its offset is the line.
 */
export function splats(dmesg: string, deny: string, allow: string): Splat[] {
  const [wrong, fine] = [deny, allow].map(expressions);
  const found = (all: readonly RegExp[], text: string) => all.some((one) => one.test(text));
  return dmesg.split('\n').flatMap((text, i) => {
    const isSplat = found(wrong!, text) && !found(fine!, text);
    return isSplat ? [{ line: i + 1, text: text.trim() }] : [];
  });
}

/** JavaScript's expressions take all that grep -E has in these lists. */
function expressions(list: string): RegExp[] {
  return list.split('\n').flatMap((text, i) => {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) return [];
    try {
      return [new RegExp(line)];
    } catch (error) {
      throw new FormatError('splat list', i + 1, (error as Error).message);
    }
  });
}
