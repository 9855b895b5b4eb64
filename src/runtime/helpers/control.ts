/** Helpers that run program code again or hold others off (kernel/bpf/bpf_iter.c, helpers.c). */
import {
  C_FAULT_ADDRESS,
  C_FAULT_HELPER,
  C_FAULT_INSN,
  C_FAULT_KIND,
  C_FAULT_PROGRAM,
  FAULT_FUEL,
} from '../layout';
import { E2BIG, EINVAL } from '../core/errno';
import { cpu_block } from '../core/instance';
import { unlock } from '../core/lock';

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

/** Tries before a lock counts as never given back: a good part of a second. */
const PATIENCE: u32 = 1 << 25;
/** BPF_FUNC_spin_lock. */
const SPIN_LOCK: u32 = 93;
const UNKNOWN: u32 = u32.MAX_VALUE;

/**
 * With one CPU there is nobody to wait for. A program nobody has verified may wait for itself: the
 * run ends with a fault then.
 */
export function bpf_spin_lock(word: u64): u64 {
  if (SHARED) {
    let tries: u32 = 0;
    while (atomic.cmpxchg<u32>(<u32>word, 0, 1) != 0) {
      if (++tries == PATIENCE) deadlock(word);
    }
  }
  return 0;
}

/** Which instruction called is not known here. */
function deadlock(word: u64): void {
  store<u32>(cpu_block, FAULT_FUEL, C_FAULT_KIND);
  store<u32>(cpu_block, 0, C_FAULT_PROGRAM);
  store<u32>(cpu_block, UNKNOWN, C_FAULT_INSN);
  store<u64>(cpu_block, word, C_FAULT_ADDRESS);
  store<u32>(cpu_block, SPIN_LOCK, C_FAULT_HELPER);
  unreachable();
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
