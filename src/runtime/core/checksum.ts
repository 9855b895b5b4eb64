/**
 * One's complement sums (RFC 1071, RFC 1624) with the kernel's types: a 32-bit sum is what
 * csum_partial returns, a 16-bit one is what stands in a header. include/net/checksum.h.
 */

/** Sum of two 32-bit sums with the carry added back. @inline */
export function csumAdd(a: u32, b: u32): u32 {
  const sum = a + b;
  return sum + <u32>(sum < b);
}

/** @inline */
export function csumSub(a: u32, b: u32): u32 {
  return csumAdd(a, ~b);
}

/** 64-bit accumulator of up to 2^32 words → 32-bit sum. Not 0 unless the accumulator is. @inline */
export function csumReduce(sum: u64): u32 {
  sum = (sum & 0xffffffff) + (sum >> 32);
  return <u32>((sum & 0xffffffff) + (sum >> 32));
}

/** 32-bit sum → complemented 16 bits, as stored in a header. @inline */
export function csumFold(sum: u32): u16 {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return <u16>~sum;
}

/**
 * Sum of `size` bytes at `at`, starting from `seed`. A short last word counts as padded with zeros.
 */
export function csumPartial(at: u32, size: u32, seed: u32): u32 {
  let sum: u64 = seed;
  const end = at + (size & ~3);
  for (; at < end; at += 4) sum += load<u32>(at);
  const rest = size & 3;
  if (rest != 0) {
    let last: u32 = 0;
    for (let i: u32 = 0; i < rest; i++) last |= (<u32>load<u8>(at + i)) << (i << 3);
    sum += last;
  }
  return csumReduce(sum);
}

/** The sum of a block that starts at an odd offset counts with its bytes swapped. @inline */
export function csumShift(sum: u32, offset: u32): u32 {
  return offset & 1 ? rotr<u32>(sum, 8) : sum;
}

/** Header field `at` after the data it covers changed by `diff`. */
export function csumReplaceByDiff(at: u32, diff: u32): void {
  store<u16>(at, csumFold(csumAdd(diff, ~(<u32>load<u16>(at)))));
}

export function csumReplace4(at: u32, from: u32, to: u32): void {
  const sum = csumSub(~(<u32>load<u16>(at)), from);
  store<u16>(at, csumFold(csumAdd(sum, to)));
}

/** @inline */
export function csum16Add(a: u16, b: u16): u16 {
  const sum: u32 = <u32>a + <u32>b;
  return <u16>(sum + (sum >> 16));
}

/** RFC 1624, equation 3, in 16 bits. */
export function csumReplace2(at: u32, from: u16, to: u16): void {
  const sum = csum16Add(~load<u16>(at), ~from);
  store<u16>(at, ~csum16Add(sum, to));
}
