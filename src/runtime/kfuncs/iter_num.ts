/**
 * Open-coded iterator over numbers (kernel/bpf/bpf_iter.c), what bpf_for() is made of. Its state,
 * struct bpf_iter_num, is two ints on the program's stack: the current number and the end.
 */
import { E2BIG, EINVAL } from '../core/errno';

const CURRENT: usize = 0;
const END: usize = 4;
const BPF_MAX_LOOPS: i64 = 8 << 20;

function close(state: u32): void {
  store<u64>(state, 0, CURRENT);
}

/** From `start` up to, not including, `end`. */
export function bpf_iter_num_new(it: u64, start: u64, end: u64): u64 {
  const state = <u32>it;
  const first = <i32>start;
  const last = <i32>end;
  close(state);
  if (first > last) return EINVAL;
  if (<i64>last - <i64>first > BPF_MAX_LOOPS) return E2BIG;
  // The number before the first: wraps for the least one, and wraps back.
  store<i32>(state, first - 1, CURRENT);
  store<i32>(state, last, END);
  return 0;
}

/** Pointer to the next number, which is in the state; 0 at the end. */
export function bpf_iter_num_next(it: u64): u64 {
  const state = <u32>it;
  const next = load<i32>(state, CURRENT) + 1;
  if (next >= load<i32>(state, END)) {
    close(state);
    return 0;
  }
  store<i32>(state, next, CURRENT);
  return it;
}

export function bpf_iter_num_destroy(it: u64): u64 {
  close(<u32>it);
  return 0;
}
