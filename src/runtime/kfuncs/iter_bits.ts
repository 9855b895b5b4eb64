/**
 * Open-coded iterator over the bits that are set in some memory (kernel/bpf/helpers.c). Its state,
 * struct bpf_iter_bits, is 16 bytes on the program's stack: the bits or, if there are more than 64,
 * the address of a copy; then their number and the last one given.
 */
import { FAULT_NONE } from '../layout';
import { E2BIG, EFAULT, EINVAL, ENOMEM } from '../core/errno';
import { heap_alloc, heap_free } from '../core/memory';
import { region_check } from '../core/regions';

const BITS: usize = 0;
const COUNT: usize = 8;
const LAST: usize = 12;
const NONE: i32 = -1;
/** BITS_ITER_NR_WORDS_MAX */
const MAX_WORDS: u32 = 511;

/** The address may be anything: it is read as probes read. */
export function bpf_iter_bits_new(it: u64, bits: u64, words: u64): u64 {
  const state = <u32>it;
  const count = <u32>words;
  store<u64>(state, 0, BITS);
  store<u32>(state, 0, COUNT);
  store<i32>(state, NONE, LAST);
  if (bits == 0 || count == 0) return EINVAL;
  if (count > MAX_WORDS) return E2BIG;
  if (count == 1) {
    if (region_check(bits, 8, 0) != FAULT_NONE) return EFAULT;
    store<u64>(state, load<u64>(<u32>bits), BITS);
  } else {
    const copy = heap_alloc(count * 8, 8);
    if (copy == 0) return ENOMEM;
    if (region_check(bits, count * 8, 0) != FAULT_NONE) {
      heap_free(copy);
      return EFAULT;
    }
    memory.copy(copy, <u32>bits, count * 8);
    store<u32>(state, copy, BITS);
  }
  store<u32>(state, count * 64, COUNT);
  return 0;
}

/** Pointer to the number of the next bit that is set, which is in the state; 0 at the end. */
export function bpf_iter_bits_next(it: u64): u64 {
  const state = <u32>it;
  const count = load<i32>(state, COUNT);
  if (load<i32>(state, LAST) >= count) return 0;
  const bits = count == 64 ? state : load<u32>(state, BITS);
  for (let bit = load<i32>(state, LAST) + 1; bit < count; ) {
    const rest = load<u64>(bits + ((<u32>bit >> 6) << 3)) >> <u64>(bit & 63);
    if (rest != 0) {
      bit += <i32>ctz(rest);
      store<i32>(state, bit, LAST);
      return it + LAST;
    }
    bit = (bit | 63) + 1;
  }
  store<i32>(state, count, LAST);
  return 0;
}

export function bpf_iter_bits_destroy(it: u64): u64 {
  const state = <u32>it;
  if (load<i32>(state, COUNT) > 64) heap_free(load<u32>(state, BITS));
  return 0;
}
