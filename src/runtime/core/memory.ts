/**
 * The heap: segregated free lists over memory that only grows. A block is
 *
 *   [.. padding ..][u32 raw address | u32 size class | u32 magic | u32 size][payload]
 *
 * Classes are four steps per power of two, so at most a fifth of a block is waste. Fresh memory is
 * zero already, so big maps cost nothing until they are touched.
 */
import { GLOBALS, G_FREE_LISTS, G_HEAP_END, G_HEAP_LOCK, G_HEAP_NEXT } from '../layout';
import { lock, unlock } from './lock';

const HEADER: u32 = 16;
const MAGIC: u32 = 0x50414548;
const PAGE: u64 = 0x10000;
const GROW: u64 = 0x400000;

/** Smallest class whose blocks hold `size` bytes. */
function sizeClass(size: u32): u32 {
  if (size <= 32) return 0;
  const n = size - 1;
  const shift = 31 - clz<u32>(n);
  return ((shift - 5) << 2) + ((n >> (shift - 2)) & 3) + 1;
}

/** Bytes of a block of class `c`. */
function classSize(c: u32): u64 {
  if (c == 0) return 32;
  const shift = 5 + ((c - 1) >> 2);
  return ((<u64>1) << shift) + <u64>((((c - 1) & 3) + 1) << (shift - 2));
}

/** Makes memory reach `end`; false when it cannot. */
function growTo(end: u64): bool {
  const have = <u64>load<u32>(GLOBALS, G_HEAP_END);
  if (end <= have) return true;
  if (end > 0xffff0000) return false;
  const need = <i32>((end - have + PAGE - 1) / PAGE);
  let pages = max<i32>(need, <i32>(GROW / PAGE));
  if (have + <u64>pages * PAGE > 0xffff0000 || memory.grow(pages) < 0) {
    if (memory.grow(need) < 0) return false;
    pages = need;
  }
  store<u32>(GLOBALS, <u32>(have + <u64>pages * PAGE), G_HEAP_END);
  return true;
}

/** New block of `size` bytes at the end of the heap, or 0. */
function extend(size: u64): u32 {
  const at = <u64>load<u32>(GLOBALS, G_HEAP_NEXT);
  if (!growTo(at + size)) return 0;
  store<u32>(GLOBALS, <u32>(at + size), G_HEAP_NEXT);
  return <u32>at;
}

/** `size` zeroed bytes at a multiple of `align` (a power of two), or 0. */
export function heap_alloc(size: u32, align: u32): u32 {
  // Blocks start at multiples of 8: this much may lie between the start and the payload.
  const slack: u32 = HEADER + (align > 8 ? align - 8 : 0);
  const total = <u64>size + slack;
  if (total > 0xf0000000) return 0;
  const c = sizeClass(<u32>total);
  const list = GLOBALS + G_FREE_LISTS + c * 4;
  lock(GLOBALS + G_HEAP_LOCK);
  let raw = load<u32>(list);
  const reused = raw != 0;
  if (reused) store<u32>(list, load<u32>(raw));
  else raw = extend(classSize(c));
  unlock(GLOBALS + G_HEAP_LOCK);
  if (raw == 0) return 0;
  const at = (raw + HEADER + align - 1) & ~(align - 1);
  if (reused) memory.fill(at, 0, size);
  store<u32>(at - 16, raw);
  store<u32>(at - 12, c);
  store<u32>(at - 8, MAGIC);
  store<u32>(at - 4, size);
  return at;
}

/** Gives back a block. 0 and addresses that are no live block are ignored. */
export function heap_free(at: u32): void {
  if (at == 0 || load<u32>(at - 8) != MAGIC) return;
  const raw = load<u32>(at - 16);
  const list = GLOBALS + G_FREE_LISTS + load<u32>(at - 12) * 4;
  store<u32>(at - 8, 0);
  lock(GLOBALS + G_HEAP_LOCK);
  store<u32>(raw, load<u32>(list));
  store<u32>(list, raw);
  unlock(GLOBALS + G_HEAP_LOCK);
}
