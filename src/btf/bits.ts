/**
 * Integers of any width at any bit. Bits are counted as BTF does: on little-endian machines from
 * the lowest bit of the first byte up, on big-endian ones from its highest bit down.
 */

interface Span {
  readonly first: number;
  readonly bytes: number;
  /** Bits of the span below the field. */
  readonly below: bigint;
}

function spanOf(bit: number, width: number, little: boolean): Span {
  const first = Math.floor(bit / 8);
  const skipped = bit - first * 8;
  const bytes = Math.ceil((skipped + width) / 8);
  return { first, bytes, below: BigInt(little ? skipped : bytes * 8 - skipped - width) };
}

function loadSpan(bytes: Uint8Array, { first, bytes: count }: Span, little: boolean): bigint {
  let value = 0n;
  for (let i = 0; i < count; i++) {
    const at = little ? first + count - 1 - i : first + i;
    value = (value << 8n) | BigInt(bytes[at] ?? 0);
  }
  return value;
}

function storeSpan(bytes: Uint8Array, span: Span, value: bigint, little: boolean): void {
  for (let i = 0; i < span.bytes; i++) {
    const at = little ? span.first + i : span.first + span.bytes - 1 - i;
    bytes[at] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

/** The `width`-bit integer at bit `bit`. */
export function readBits(
  bytes: Uint8Array,
  bit: number,
  width: number,
  signed: boolean,
  little: boolean,
): bigint {
  const span = spanOf(bit, width, little);
  const value = loadSpan(bytes, span, little) >> span.below;
  return signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value);
}

/** Puts the low `width` bits of `value` at bit `bit`, leaving the bits around them. */
export function writeBits(
  bytes: Uint8Array,
  bit: number,
  width: number,
  value: bigint,
  little: boolean,
): void {
  const span = spanOf(bit, width, little);
  const mask = ((1n << BigInt(width)) - 1n) << span.below;
  const field = (BigInt.asUintN(width, value) << span.below) & mask;
  storeSpan(bytes, span, (loadSpan(bytes, span, little) & ~mask) | field, little);
}
