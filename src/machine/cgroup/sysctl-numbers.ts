/** Files below /proc/sys as text: how numbers are written to them and read (kernel/sysctl.c). */
import { refuse } from '../errno.ts';

/** proc_get_long looks at no more than so many characters. */
const LONGEST = 21;
const NUMBER = /^(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/;
const SPACE = /^[ \t\n\v\f\r]+/;
const SEPARATORS = ' \t\n';
const INT_MAX = 0x7fff_ffffn;
const LONG = (1n << 64n) - 1n;

/** One number at the beginning of a text. Throws KernelError EINVAL. */
export function takeNumber(text: string): { readonly value: bigint; readonly rest: string } {
  const [all, minus, digits] = NUMBER.exec(text.slice(0, LONGEST)) ?? [];
  if (all === undefined || all.length === LONGEST) return refuse('EINVAL', `'${text}'`);
  const rest = text.slice(all.length);
  if (rest !== '' && !SEPARATORS.includes(rest[0]!)) refuse('EINVAL', `'${text}'`);
  const octal = /^0[0-7]+$/.test(digits!);
  const value = BigInt(octal ? `0o${digits!.slice(1)}` : digits!);
  if (value > LONG) refuse('EINVAL', `'${text}'`);
  return { value: minus ? -value : value, rest };
}

export const skipSpaces = (text: string): string => text.replace(SPACE, '');

/** What a handler of a file does with numbers. */
export interface NumberKind {
  /** Whether it may be that. */
  fits(value: bigint): boolean;
}

/** proc_dointvec_minmax */
export const int = (least = -INT_MAX - 1n, most = INT_MAX): NumberKind => ({
  fits: (value) => value >= least && value <= most,
});

/** proc_dou8vec_minmax */
export const byte = (least = 0n, most = 255n): NumberKind => ({
  fits: (value) => value >= least && value <= most,
});

/** proc_doulongvec_minmax */
export const long: NumberKind = { fits: (value) => value >= 0n };

/**
 * Writes text to a row of numbers: what comes before a mistake is written. Throws KernelError
 * EINVAL.
 */
export function writeNumbers(kind: NumberKind, values: bigint[], text: string): void {
  if (text === '') return;
  let rest = text;
  for (let i = 0; i < values.length; i++) {
    rest = skipSpaces(rest);
    if (rest === '' && i > 0) return;
    const taken = takeNumber(rest);
    if (!kind.fits(taken.value)) refuse('EINVAL', `${taken.value}`);
    values[i] = taken.value;
    ({ rest } = taken);
  }
}
