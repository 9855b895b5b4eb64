/**
 * Spin locks on u32 words and publication of links. With unshared memory there is nobody to wait
 * for, and locks compile to nothing. Holders never call programs, so waits are short.
 */

/** @inline */
export function lock(word: u32): void {
  if (SHARED) {
    while (atomic.cmpxchg<u32>(word, 0, 1) != 0) {}
  }
}

/** @inline */
export function unlock(word: u32): void {
  if (SHARED) atomic.store<u32>(word, 0);
}

/** Reads a link that another CPU may be writing. @inline */
export function loadLink(at: u32): u32 {
  return SHARED ? atomic.load<u32>(at) : load<u32>(at);
}

/** Writes a link after everything it leads to. @inline */
export function storeLink(at: u32, to: u32): void {
  if (SHARED) atomic.store<u32>(at, to);
  else store<u32>(at, to);
}

/** Adds to a counter that several CPUs change. @inline */
export function addCount(at: u32, by: u32): void {
  if (SHARED) atomic.add<u32>(at, by);
  else store<u32>(at, load<u32>(at) + by);
}
