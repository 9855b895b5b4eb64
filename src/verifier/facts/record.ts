/**
 * What is known of registers r0 to r9 before each instruction, joined over visits: a few words per
 * register in one `Int32Array`.
 */

import {
  baseType,
  FRAME_POINTER,
  PTR_MAYBE_NULL,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  TYPE,
  UMAX,
  UMIN,
  regAt,
} from '../state/layout.ts';
import { slt, ult } from '../value/u64.ts';

/** Registers with facts: all but the frame pointer. */
export const FACT_REGISTERS: number = FRAME_POINTER;

/** Bits by base type; and that some visit had a pointer that may be NULL. */
const TYPES = 0;
const NULLABLE = 1;
/** Two words each, low half first. */
const MIN = 2;
const MAX = 4;
const U_MIN = 6;
const U_MAX = 8;
const WORDS = 10;

/** Joined records of every instruction. */
export class JoinedRegisters {
  readonly #words: Int32Array;

  constructor(insns: number) {
    this.#words = new Int32Array(insns * FACT_REGISTERS * WORDS);
  }

  /** Adds what the registers in `w` hold before instruction `insn`. */
  join(insn: number, w: Int32Array): void {
    for (let n = 0; n < FACT_REGISTERS; n++) this.#joinRegister(this.#at(insn, n), w, regAt(n));
  }

  #at(insn: number, regno: number): number {
    return (insn * FACT_REGISTERS + regno) * WORDS;
  }

  #joinRegister(at: number, w: Int32Array, r: number): void {
    const f = this.#words;
    const type = w[r + TYPE]!;
    const isFirst = !(f[at + TYPES]! & (1 << SCALAR_VALUE));
    f[at + TYPES]! |= 1 << baseType(type);
    if (type & PTR_MAYBE_NULL) f[at + NULLABLE] = 1;
    if (type !== SCALAR_VALUE) return;
    const less = (a: number, b: number) => isFirst || slt(w[a]!, w[a + 1]!, f[b]!, f[b + 1]!);
    const below = (a: number, b: number) => isFirst || ult(w[a]!, w[a + 1]!, f[b]!, f[b + 1]!);
    const greater = (a: number, b: number) => isFirst || slt(f[b]!, f[b + 1]!, w[a]!, w[a + 1]!);
    const above = (a: number, b: number) => isFirst || ult(f[b]!, f[b + 1]!, w[a]!, w[a + 1]!);
    if (less(r + SMIN, at + MIN)) take(f, at + MIN, w, r + SMIN);
    if (greater(r + SMAX, at + MAX)) take(f, at + MAX, w, r + SMAX);
    if (below(r + UMIN, at + U_MIN)) take(f, at + U_MIN, w, r + UMIN);
    if (above(r + UMAX, at + U_MAX)) take(f, at + U_MAX, w, r + UMAX);
  }

  /** Bits by base type (1 << PTR_TO_STACK, …) that the register had; 0: never visited. */
  types(insn: number, regno: number): number {
    return this.#words[this.#at(insn, regno) + TYPES]!;
  }

  nullable(insn: number, regno: number): boolean {
    return this.#words[this.#at(insn, regno) + NULLABLE] !== 0;
  }

  /** The least and the greatest value of a scalar, as signed and as unsigned number. */
  range(insn: number, regno: number): { smin: bigint; smax: bigint; umin: bigint; umax: bigint } {
    const at = this.#at(insn, regno);
    return {
      smin: this.#signed(at + MIN),
      smax: this.#signed(at + MAX),
      umin: BigInt.asUintN(64, this.#signed(at + U_MIN)),
      umax: BigInt.asUintN(64, this.#signed(at + U_MAX)),
    };
  }

  #signed(at: number): bigint {
    return (BigInt(this.#words[at + 1]!) << 32n) | BigInt(this.#words[at]! >>> 0);
  }
}

function take(to: Int32Array, at: number, from: Int32Array, start: number): void {
  to[at] = from[start]!;
  to[at + 1] = from[start + 1]!;
}
