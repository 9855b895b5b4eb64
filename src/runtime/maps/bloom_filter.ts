/** BPF_MAP_TYPE_BLOOM_FILTER (kernel/bpf/bloom_filter.c). */
import {
  GLOBALS,
  G_RANDOM,
  M_EXTRA,
  M_FLAGS,
  M_MAX_ENTRIES,
  M_PRIVATE,
  M_VALUES,
  M_VALUE_SIZE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_PEEK,
  OP_POP,
  OP_PUSH,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { EINVAL, ENOENT, ENOMEM, EOPNOTSUPP } from '../core/errno';
import { random_next } from '../core/instance';
import { JHASH_INITVAL, jhash, jhash4, jhash8, keyWord } from '../core/jhash';
import { setOp } from '../core/map';
import { heap_alloc, heap_free } from '../core/memory';
import { BPF_F_ZERO_SEED } from '../core/uapi';

const MASK = M_PRIVATE;
/** u32: jhash state of hash function 0; function i adds i. */
const INIT = M_PRIVATE + 4;
const HASHES = M_PRIVATE + 8;
const DEFAULT_HASHES: u32 = 5;

/** Bits - 1: about entries * hashes / ln 2, at least a word, rounded up to a power of two. */
function bitMask(entries: u32, hashes: u32): u32 {
  const product = <u64>entries * hashes;
  const bits = (product / 5) * 7;
  if (product > u32.MAX_VALUE || bits > 0x80000000) return u32.MAX_VALUE;
  if (bits <= 64) return 63;
  return <u32>(((<u64>1) << (64 - clz<u64>(bits - 1))) - 1);
}

export function bloom_filter_create(map: u32): i32 {
  const extra = load<u64>(map, M_EXTRA);
  if (extra > 15) return <i32>EINVAL;
  const hashes = extra == 0 ? DEFAULT_HASHES : <u32>extra;
  const mask = bitMask(load<u32>(map, M_MAX_ENTRIES), hashes);
  const bits = heap_alloc(<u32>((<u64>mask + 1) >> 3), 64);
  if (bits == 0) return <i32>ENOMEM;
  const zero = (load<u32>(map, M_FLAGS) & BPF_F_ZERO_SEED) != 0;
  const seed: u32 = zero ? 0 : <u32>random_next(GLOBALS + G_RANDOM);
  store<u32>(map, bits, M_VALUES);
  store<u32>(map, mask, MASK);
  store<u32>(map, hashes, HASHES);
  store<u32>(map, JHASH_INITVAL + load<u32>(map, M_VALUE_SIZE) + seed, INIT);
  setOp(map, OP_PUSH, bloom_filter_push.index);
  setOp(map, OP_POP, bloom_filter_pop.index);
  setOp(map, OP_PEEK, bloom_filter_peek.index);
  setOp(map, OP_NEXT_KEY, bloom_filter_next_key.index);
  setOp(map, OP_FREE, bloom_filter_free.index);
  setOp(map, OP_SYS_LOOKUP, bloom_filter_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, bloom_filter_sys_update.index);
  setOp(map, OP_SYS_DELETE, bloom_filter_sys_delete.index);
  return 0;
}

export function bloom_filter_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

/** Bit number of a value under hash function `i`. @inline */
function bitOf(map: u32, value: u32, i: u32): u32 {
  const size = load<u32>(map, M_VALUE_SIZE);
  const init = load<u32>(map, INIT) + i;
  const mask = load<u32>(map, MASK);
  if (size == 8) return jhash8(load<u32>(value), keyWord(value + 4), init) & mask;
  if (size == 4) return jhash4(load<u32>(value), init) & mask;
  return jhash(value, size, init) & mask;
}

export function bloom_filter_push(map: u32, value: u32, flags: u64): i64 {
  if (flags != 0) return EINVAL;
  const hashes = load<u32>(map, HASHES);
  for (let i: u32 = 0; i < hashes; i++) {
    const bit = bitOf(map, value, i);
    const at = load<u32>(map, M_VALUES) + ((bit >> 5) << 2);
    const one: u32 = (<u32>1) << (bit & 31);
    if (SHARED) atomic.or<u32>(at, one);
    else store<u32>(at, load<u32>(at) | one);
  }
  return 0;
}

/** 0: perhaps in the set. ENOENT: certainly not. */
export function bloom_filter_peek(map: u32, value: u32): i64 {
  const hashes = load<u32>(map, HASHES);
  for (let i: u32 = 0; i < hashes; i++) {
    const bit = bitOf(map, value, i);
    const word = load<u32>(load<u32>(map, M_VALUES) + ((bit >> 5) << 2));
    if (((word >> (bit & 31)) & 1) == 0) return ENOENT;
  }
  return 0;
}

export function bloom_filter_pop(map: u32, value: u32): i64 {
  return EOPNOTSUPP;
}

export function bloom_filter_next_key(map: u32, key: u32, next: u32): i32 {
  return <i32>EOPNOTSUPP;
}

export function bloom_filter_sys_lookup(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>bloom_filter_peek(map, value);
}

export function bloom_filter_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>bloom_filter_push(map, value, flags);
}

export function bloom_filter_sys_delete(map: u32, key: u32): i32 {
  return <i32>EOPNOTSUPP;
}
