import type { Code } from './code.ts';

/**
 * Templates of the table's `gas` and `kernel` texts. A template is literal text with placeholders:
 *
 *   {d} {s}    destination, source register as rN        {wd} {ws}  as wN
 *   {md} {ms}  as wN where the text is for a CPU with 32-bit registers, else rN
 *   {i}        imm as an operand                        {c}        imm as a comparison's operand
 *   {q}        64-bit constant of two slots              {u}        its low half, unsigned
 *   {high} {low}  halves of imm                          {n}        imm, decimal, no space before
 *   {o}        offset of a memory operand                {src}      the src field as a number
 *   {j} {l}    jump distance in off, in imm              {t}        imm: a function in this code
 *   {helper} {local} {kfunc}  the called function
 *
 * The disassembler fills them in; the assembler matches lines against them.
 */
export type Placeholder =
  | 'd'
  | 's'
  | 'wd'
  | 'ws'
  | 'md'
  | 'ms'
  | 'i'
  | 'c'
  | 'q'
  | 'u'
  | 'high'
  | 'low'
  | 'n'
  | 'o'
  | 'src'
  | 'j'
  | 'l'
  | 't'
  | 'helper'
  | 'local'
  | 'kfunc';

/** A template in pieces: literals as strings, placeholders as objects. */
export type Piece = string | { readonly hole: Placeholder };

/** Splits a template at its placeholders. */
export function parseTemplate(template: string): Piece[] {
  return template
    .split(/(\{[a-z]+\})/)
    .filter((piece) => piece !== '')
    .map((piece) => (piece.startsWith('{') ? { hole: piece.slice(1, -1) as Placeholder } : piece));
}

const cache = new Map<string, Piece[]>();

/** Fills `template` for slot `i` with what `show` prints for each placeholder. */
export function fillTemplate(
  template: string,
  code: Code,
  i: number,
  show: (hole: Placeholder, code: Code, i: number) => string,
): string {
  let pieces = cache.get(template);
  if (pieces === undefined) cache.set(template, (pieces = parseTemplate(template)));
  let text = '';
  for (const piece of pieces) text += typeof piece === 'string' ? piece : show(piece.hole, code, i);
  return text;
}

/** imm as llvm-objdump prints it: signed, hexadecimal. */
export function signedHex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** With a sign always: `+5`, `-0x3`. */
export function withSign(value: number, text: (magnitude: number) => string): string {
  return (value < 0 ? '-' : '+') + text(Math.abs(value));
}

/** The signed 64-bit constant of the ld_imm64 at slot `i`; a missing second slot counts as 0. */
export function wideConstant(code: Code, i: number): bigint {
  const high = i + 1 < code.length ? code.imm[i + 1]! : 0;
  return (BigInt(high) << 32n) | BigInt(code.imm[i]! >>> 0);
}
