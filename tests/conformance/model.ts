/**
 * RFC 9669's arithmetic as a model: unbounded integers cut to their width, written from the text of
 * the RFC and for nothing but clarity. The vectors' expected values come from here. Values are
 * unsigned 64-bit.
 */
export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const unsigned = (bits: number, value: bigint): bigint => BigInt.asUintN(bits, value);
const signed = (bits: number, value: bigint): bigint => BigInt.asIntN(bits, value);

/** imm as a 64-bit operand: sign extended. */
export const extend = (imm: number): bigint => u64(BigInt(imm));

type Binary = (dst: bigint, src: bigint, bits: number) => bigint;

/** Section 4.1. Operands are unsigned of the operation's width; the result is cut to it. */
export const ARITHMETIC: Readonly<Record<string, Binary>> = {
  '+': (dst, src) => dst + src,
  '-': (dst, src) => dst - src,
  '*': (dst, src) => dst * src,
  '/': (dst, src) => (src === 0n ? 0n : dst / src),
  's/': (dst, src, bits) => (src === 0n ? 0n : signed(bits, dst) / signed(bits, src)),
  '%': (dst, src) => (src === 0n ? dst : dst % src),
  's%': (dst, src, bits) => (src === 0n ? dst : signed(bits, dst) % signed(bits, src)),
  '|': (dst, src) => dst | src,
  '&': (dst, src) => dst & src,
  '^': (dst, src) => dst ^ src,
  '<<': (dst, src, bits) => dst << (src % BigInt(bits)),
  '>>': (dst, src, bits) => dst >> (src % BigInt(bits)),
  's>>': (dst, src, bits) => signed(bits, dst) >> (src % BigInt(bits)),
  '': (_dst, src) => src,
};

/** dst after `dst operation= src`: 32-bit operations zero the upper half. */
export function arithmetic(operation: string, bits: number, dst: bigint, src: bigint): bigint {
  return unsigned(bits, ARITHMETIC[operation]!(unsigned(bits, dst), unsigned(bits, src), bits));
}

/** mov with sign extension of the low `from` bits. */
export function signExtend(bits: number, from: number, src: bigint): bigint {
  return unsigned(bits, signed(from, src));
}

type Condition = (dst: bigint, src: bigint, bits: number) => boolean;

/** Section 4.3. */
export const CONDITIONS: Readonly<Record<string, Condition>> = {
  '==': (dst, src) => dst === src,
  '!=': (dst, src) => dst !== src,
  '>': (dst, src) => dst > src,
  '>=': (dst, src) => dst >= src,
  '<': (dst, src) => dst < src,
  '<=': (dst, src) => dst <= src,
  '&': (dst, src) => (dst & src) !== 0n,
  's>': (dst, src, bits) => signed(bits, dst) > signed(bits, src),
  's>=': (dst, src, bits) => signed(bits, dst) >= signed(bits, src),
  's<': (dst, src, bits) => signed(bits, dst) < signed(bits, src),
  's<=': (dst, src, bits) => signed(bits, dst) <= signed(bits, src),
};

export function jumps(operation: string, bits: number, dst: bigint, src: bigint): boolean {
  return CONDITIONS[operation]!(unsigned(bits, dst), unsigned(bits, src), bits);
}

/** Section 4.2, on a little-endian machine: 'le' only cuts, the others reverse the bytes. */
export function byteOrder(operation: string, bits: number, value: bigint): bigint {
  const cut = unsigned(bits, value);
  if (operation === 'le') return cut;
  const digits = cut.toString(16).padStart(bits / 4, '0');
  return BigInt(`0x${digits.match(/../g)!.reverse().join('')}`);
}

export interface AtomicResult {
  /** Memory afterwards, of the operation's width. */
  readonly memory: bigint;
  /** src afterwards, or r0 for cmpxchg. */
  readonly register: bigint;
}

const MODIFY: Readonly<Record<string, (old: bigint, src: bigint) => bigint>> = {
  add: (old, src) => old + src,
  or: (old, src) => old | src,
  and: (old, src) => old & src,
  xor: (old, src) => old ^ src,
};

/** Section 5.3: `old` is what memory held, r0 matters for cmpxchg only. */
export function atomic(
  operation: string,
  bits: number,
  old: bigint,
  src: bigint,
  r0: bigint,
): AtomicResult {
  const before = unsigned(bits, old);
  const value = unsigned(bits, src);
  if (operation === 'xchg') return { memory: value, register: before };
  if (operation === 'cmpxchg') {
    return { memory: before === unsigned(bits, r0) ? value : before, register: before };
  }
  const modify = MODIFY[operation.replace('fetch_', '')]!;
  const memory = unsigned(bits, modify(before, value));
  return { memory, register: operation.startsWith('fetch_') ? before : src };
}
