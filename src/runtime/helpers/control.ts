/** Helpers that run program code again or hold others off (kernel/bpf/bpf_iter.c, helpers.c). */
import { E2BIG, EINVAL } from '../core/errno';
import { lock, unlock } from '../core/lock';

const BPF_MAX_LOOPS: u32 = 8 << 20;

/** Calls callback(i, ctx) up to `count` times until it returns non-zero; returns the calls made. */
export function bpf_loop(count: u64, callback: u64, ctx: u64, flags: u64): u64 {
  if (flags != 0) return EINVAL;
  const calls = <u32>count;
  if (calls > BPF_MAX_LOOPS) return E2BIG;
  const slot = <u32>callback;
  for (let i: u32 = 0; i < calls; i++) {
    if (call_indirect<u64>(slot, <u64>i, ctx, <u64>0, <u64>0, <u64>0) != 0) return i + 1;
  }
  return calls;
}

/** With one CPU there is nobody to wait for. */
export function bpf_spin_lock(word: u64): u64 {
  lock(<u32>word);
  return 0;
}

export function bpf_spin_unlock(word: u64): u64 {
  unlock(<u32>word);
  return 0;
}

/** Puts a kernel object's pointer into a map value and takes out the one that was there. */
export function bpf_kptr_xchg(destination: u64, pointer: u64): u64 {
  if (SHARED) return atomic.xchg<u64>(<u32>destination, pointer);
  const old = load<u64>(<u32>destination);
  store<u64>(<u32>destination, pointer);
  return old;
}
