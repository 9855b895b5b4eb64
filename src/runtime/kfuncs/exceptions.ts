/** What throws (kernel/bpf/helpers.c). */

/**
 * Engines unwind programs themselves and call nobody for it. This is what stands in the function
 * table for code that would: the run ends there.
 */
export function bpf_throw(_cookie: u64): u64 {
  return unreachable();
}
