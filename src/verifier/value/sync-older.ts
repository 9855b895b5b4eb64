/**
 * The parts of a register's knowledge before ranges were deduced from each other in full: one
 * round, signed and unsigned only where the sign is known, 32 bits and 64 bits through the known
 * bits alone (reg_bounds_sync of 6.1). Numbers of any size, for clarity: this is no hot code.
 */
import {
  MASK,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../state/layout.ts';

const LOW = 0xffff_ffffn;
const HIGH = LOW << 32n;
export const U64_LAST = LOW | HIGH;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** A signed or unsigned range of `bits` bits. */
export interface Range {
  smin: bigint;
  smax: bigint;
  umin: bigint;
  umax: bigint;
}

/** What is known of a number (struct bpf_reg_state). */
export class Known {
  value = 0n;
  mask = 0n;
  wide: Range = { smin: 0n, smax: 0n, umin: 0n, umax: 0n };
  narrow: Range = { smin: 0n, smax: 0n, umin: 0n, umax: 0n };

  static of(w: Int32Array, r: number): Known {
    const known = new Known();
    known.value = read64(w, r + VALUE, false);
    known.mask = read64(w, r + MASK, false);
    known.wide = {
      smin: read64(w, r + SMIN, true),
      smax: read64(w, r + SMAX, true),
      umin: read64(w, r + UMIN, false),
      umax: read64(w, r + UMAX, false),
    };
    known.narrow = {
      smin: BigInt(w[r + S32_MIN]!),
      smax: BigInt(w[r + S32_MAX]!),
      umin: BigInt(w[r + U32_MIN]! >>> 0),
      umax: BigInt(w[r + U32_MAX]! >>> 0),
    };
    return known;
  }

  write(w: Int32Array, r: number): void {
    write64(w, r + VALUE, this.value);
    write64(w, r + MASK, this.mask);
    write64(w, r + SMIN, this.wide.smin);
    write64(w, r + SMAX, this.wide.smax);
    write64(w, r + UMIN, this.wide.umin);
    write64(w, r + UMAX, this.wide.umax);
    w[r + S32_MIN] = Number(this.narrow.smin);
    w[r + S32_MAX] = Number(this.narrow.smax);
    w[r + U32_MIN] = Number(BigInt.asIntN(32, this.narrow.umin));
    w[r + U32_MAX] = Number(BigInt.asIntN(32, this.narrow.umax));
  }

  forget64(): void {
    this.wide = unbounded(64);
  }

  forget32(): void {
    this.narrow = unbounded(32);
  }

  /** reg_bounds_sync */
  sync(): void {
    this.#narrowByBits();
    learnSign(this.narrow, 32);
    learnSign(this.wide, 64);
    this.#learnBits();
    this.#narrowByBits();
  }

  /** __reg_combine_32_into_64 */
  combine32Into64(): void {
    if (((this.value | this.mask) & HIGH) === 0n) this.#assign32Into64();
    else this.forget64();
    this.sync();
  }

  /** __reg_combine_64_into_32 */
  combine64Into32(): void {
    const { smin, smax, umin, umax } = this.wide;
    this.forget32();
    if (BigInt.asIntN(32, smin) === smin && BigInt.asIntN(32, smax) === smax) {
      this.narrow.smin = smin;
      this.narrow.smax = smax;
    }
    if (umax <= LOW && umin <= LOW) {
      this.narrow.umin = umin;
      this.narrow.umax = umax;
    }
    this.sync();
  }

  #assign32Into64(): void {
    const { smin, smax, umin, umax } = this.narrow;
    const positive = smin >= 0n && smax >= 0n;
    this.wide = { umin, umax, smin: positive ? smin : 0n, smax: positive ? smax : LOW };
  }

  /** __update_reg_bounds */
  #narrowByBits(): void {
    narrowByBits(this.narrow, this.value & LOW, this.mask & LOW, 32);
    narrowByBits(this.wide, this.value, this.mask, 64);
  }

  /** __reg_bound_offset */
  #learnBits(): void {
    this.intersect(rangeBits(this.wide.umin, this.wide.umax));
    const { value, mask } = this;
    this.value &= LOW;
    this.mask &= LOW;
    this.intersect(rangeBits(this.narrow.umin, this.narrow.umax));
    this.value = (this.value & LOW) | (value & HIGH);
    this.mask = (this.mask & LOW) | (mask & HIGH);
  }

  /** tnum_intersect */
  intersect({ value, mask }: Bits): void {
    const unknown = this.mask & mask;
    this.value = (this.value | value) & ~unknown;
    this.mask = unknown;
  }
}

/** Known bits and the mask of the others (struct tnum). */
export interface Bits {
  readonly value: bigint;
  readonly mask: bigint;
}

function unbounded(bits: number): Range {
  const half = 1n << BigInt(bits - 1);
  return { smin: -half, smax: half - 1n, umin: 0n, umax: half * 2n - 1n };
}

/** tnum_range */
function rangeBits(min: bigint, max: bigint): Bits {
  const differs = min ^ max;
  if (differs === 0n) return { value: min, mask: 0n };
  const mask = (1n << BigInt(differs.toString(2).length)) - 1n;
  return mask === U64_LAST ? { value: 0n, mask } : { value: min & ~mask, mask };
}

function narrowByBits(range: Range, value: bigint, mask: bigint, bits: number): void {
  const sign = 1n << BigInt(bits - 1);
  const low = BigInt.asIntN(bits, value | (mask & sign));
  const high = BigInt.asIntN(bits, value | (mask & (sign - 1n)));
  range.smin = greatest(range.smin, low);
  range.smax = least(range.smax, high);
  range.umin = greatest(range.umin, value);
  range.umax = least(range.umax, value | mask);
}

/** Signed from unsigned and back, where the sign is known (__reg64_deduce_bounds). */
function learnSign(range: Range, bits: number): void {
  const unsigned = (n: bigint): bigint => BigInt.asUintN(bits, n);
  const signed = (n: bigint): bigint => BigInt.asIntN(bits, n);
  const lowest = (): bigint => greatest(unsigned(range.smin), range.umin);
  const last = (): bigint => least(unsigned(range.smax), range.umax);
  if (range.smin >= 0n || range.smax < 0n) {
    range.umin = lowest();
    range.umax = last();
  } else if (signed(range.umax) >= 0n) {
    range.umax = last();
  } else if (signed(range.umin) < 0n) {
    range.umin = lowest();
  } else {
    return;
  }
  range.smin = signed(range.umin);
  range.smax = signed(range.umax);
}

function read64(w: Int32Array, at: number, signed: boolean): bigint {
  const high = BigInt(signed ? w[at + 1]! : w[at + 1]! >>> 0);
  return (high << 32n) | BigInt(w[at]! >>> 0);
}

function write64(w: Int32Array, at: number, value: bigint): void {
  w[at] = Number(BigInt.asIntN(32, value));
  w[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Makes a record's known bits and ranges agree. */
export function syncBoundsOlder(w: Int32Array, r: number): void {
  const known = Known.of(w, r);
  known.sync();
  known.write(w, r);
}

/** The 64-bit ranges were cut: so are the 32-bit ones. */
export function combine64Into32Older(w: Int32Array, r: number): void {
  const known = Known.of(w, r);
  known.combine64Into32();
  known.write(w, r);
}
