/**
 * Spin locks on u32 words. With unshared memory there is nobody to wait for and they compile to
 * nothing. Holders never call out (no callbacks, no growing of anything else), so waits are short.
 */

@inline
export function lock(word: u32): void {
  if (SHARED) {
    while (atomic.cmpxchg<u32>(word, 0, 1) != 0) {}
  }
}

@inline
export function unlock(word: u32): void {
  if (SHARED) atomic.store<u32>(word, 0);
}
