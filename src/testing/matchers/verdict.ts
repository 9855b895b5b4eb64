import { programTypes } from '../../abi/programs/index.ts';
import { explanation, packetText } from '../words.ts';
import type { Answer, Context } from './types.ts';

/** A result of `run`, `receive` or `transmit`. */
interface Judged {
  readonly verdict: string;
  readonly data?: Uint8Array | undefined;
  readonly fault?: Error | undefined;
}

const KNOWN = new Set(
  [...programTypes.values()].flatMap((one) => Object.values(one.verdicts ?? {})),
);

/** 'XDP_DROP' and 'TC_ACT_SHOT' are 'drop', as results say it. */
function word(expected: string): string {
  const plain = expected.replace(/^(XDP|TC_ACT|TCX|NETKIT|SK)_/, '').toLowerCase();
  const found = plain === 'shot' ? 'drop' : plain;
  if (KNOWN.has(found) || found.startsWith('unknown ')) return found;
  const known = [...KNOWN].sort().join(', ');
  throw new TypeError(`'${expected}' is no verdict; there are ${known}`);
}

function judged(received: unknown, matcher: string): Judged {
  if (typeof received === 'object' && received !== null && 'verdict' in received) {
    return received as Judged;
  }
  throw new TypeError(`${matcher} takes what run(), receive() or transmit() gave, not ${received}`);
}

/** The verdict is this word, or one of these. */
function toHaveVerdict(
  this: Context,
  received: unknown,
  expected: string | readonly string[],
): Answer {
  const result = judged(received, 'toHaveVerdict');
  const words = (typeof expected === 'string' ? [expected] : expected).map(word);
  const pass = words.includes(result.verdict);
  const wanted = words.map((one) => `'${one}'`).join(' or ');
  return {
    pass,
    actual: result.verdict,
    expected: words.length === 1 ? words[0] : words,
    message: () => {
      const not = this.isNot ? 'not ' : '';
      const parts = [`expected the verdict ${not}to be ${wanted}, it is '${result.verdict}'`];
      if (result.fault) parts.push(`  ${result.fault.message}`);
      parts.push(explanation(received));
      if (result.data) parts.push(packetText(result.data));
      return parts.join('\n');
    },
  };
}

/** So many results of each verdict, and no others. */
function toHaveVerdicts(
  this: Context,
  received: unknown,
  expected: Readonly<Record<string, number>>,
): Answer {
  if (!Array.isArray(received)) throw new TypeError('toHaveVerdicts takes a list of results');
  const results: readonly unknown[] = received;
  const counts: Record<string, number> = {};
  for (const one of results) {
    const { verdict } = judged(one, 'toHaveVerdicts');
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  const wanted: Record<string, number> = {};
  for (const [name, count] of Object.entries(expected)) if (count > 0) wanted[word(name)] = count;
  const pass = this.equals(counts, wanted);
  return {
    pass,
    actual: counts,
    expected: wanted,
    message: () => {
      const text = (some: Record<string, number>) =>
        Object.entries(some)
          .map(([name, count]) => `${count} ${name}`)
          .join(', ') || 'none';
      const not = this.isNot ? 'other verdicts than ' : '';
      const head = `expected ${not}${text(wanted)} of ${results.length} results`;
      return [
        `${head}, got ${text(counts)}`,
        ...firstTooMany(results as Judged[], counts, wanted),
      ].join('\n');
    },
  };
}

/** The first result of a verdict of which there are more than wanted, explained. */
function firstTooMany(
  results: readonly Judged[],
  counts: Record<string, number>,
  wanted: Record<string, number>,
): string[] {
  const seen: Record<string, number> = {};
  for (const [i, result] of results.entries()) {
    const { verdict } = result;
    seen[verdict] = (seen[verdict] ?? 0) + 1;
    if (counts[verdict]! <= (wanted[verdict] ?? 0) || seen[verdict] <= (wanted[verdict] ?? 0))
      continue;
    return [`  result ${i} is '${verdict}':`, explanation(result)];
  }
  return [];
}

export const verdictMatchers = { toHaveVerdict, toHaveVerdicts };
