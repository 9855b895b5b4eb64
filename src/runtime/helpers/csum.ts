/** Checksums over plain memory (net/core/filter.c). */
import { csumReduce } from '../core/checksum';
import { EINVAL } from '../core/errno';

/** Size of the kernel's scratch pad: both blocks together may not be longer. */
const MAX_DIFF: u32 = 512;

/** Sum of the words `to` minus those of `from`, plus `seed`. */
export function bpf_csum_diff(from: u64, fromSize: u64, to: u64, toSize: u64, seed: u64): u64 {
  const removed = <u32>fromSize;
  const added = <u32>toSize;
  if ((removed | added) & 3 || removed + added > MAX_DIFF) return EINVAL;
  let sum: u64 = <u32>seed;
  for (let i: u32 = 0; i < removed; i += 4) sum += <u32>~load<u32>(<u32>from + i);
  for (let i: u32 = 0; i < added; i += 4) sum += load<u32>(<u32>to + i);
  return csumReduce(sum);
}
