/**
 * BPF_MAP_TYPE_LPM_TRIE (kernel/bpf/lpm_trie.c): longest prefix match.
 *
 * A binary trie that skips levels without a choice. A node stands for a prefix; intermediate ones
 * only split and carry no value. A node is
 *
 *   u32 child[2] (at 0), u32 prefix length (8), u32 intermediate (12), data (16), value
 *
 * with the data as 64-bit words in host order (first bit of the address = top bit), so that one
 * XOR and a count of leading zeroes compare 64 bits. Replaced and deleted nodes are used again
 * last, because programs may still hold pointers to their values.
 */
import {
  M_COUNT,
  M_KEY_SIZE,
  M_LOCK,
  M_MAX_ENTRIES,
  M_PRIVATE,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OP_UPDATE,
} from '../layout';
import { GP_RCU } from '../mem-layout';
import { stackReserve, stackRestore, stackTop } from '../core/callback';
import { copyBytes, copyValue } from '../core/copy';
import { EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC } from '../core/errno';
import { loadLink, lock, storeLink, unlock } from '../core/lock';
import { roundUp8, setOp, valuePointer, valueRegion } from '../core/map';
import {
  memModel,
  poolArea,
  poolGiveLater,
  poolNew,
  poolPoison,
  poolRelease,
  poolTakeHeap,
} from '../core/mem-cache';
import { heap_alloc, heap_free } from '../core/memory';
import { BPF_EXIST, BPF_NOEXIST } from '../core/uapi';

const T_ROOT = M_PRIVATE;
/** Bits of a full address. */
const T_BITS = M_PRIVATE + 4;
/** 64-bit words of data in a node. */
const T_WORDS = M_PRIVATE + 8;
const T_VALUE = M_PRIVATE + 12;
const T_STRIDE = M_PRIVATE + 16;
const T_NODES = M_PRIVATE + 20;
const T_FRESH = M_PRIVATE + 24;
const T_END = M_PRIVATE + 28;
/** Freed nodes, first in first out, linked through their prefix length. */
const T_FREE = M_PRIVATE + 32;
const T_FREE_TAIL = M_PRIVATE + 36;
/** u32: address of room for the key being worked on, for writers (under the lock). */
const T_KEY = M_PRIVATE + 40;

/** u32: the pool of its nodes (core/mem-cache.ts), or 0. */
const T_POOL = M_PRIVATE + 44;

/** Bytes of the kernel's struct lpm_trie_node before the data. */
const NODE: u32 = 40;
const N_DATA: u32 = 16;
/** Bytes of address behind the prefix length of a key. */
const K_DATA: u32 = 4;
/** Reserved at most; updates answer ENOMEM beyond it. */
const RESERVE: u64 = 0x10000000;

export function lpm_trie_create(map: u32): i32 {
  const size = load<u32>(map, M_KEY_SIZE) - K_DATA;
  const value = N_DATA + roundUp8(size);
  const bytes = value + roundUp8(load<u32>(map, M_VALUE_SIZE));
  const stride: u32 = bytes <= 32 ? 32 : (bytes + 15) & ~15;
  // n prefixes need at most n - 1 intermediate nodes, and an update one node of its own.
  let nodes = <u64>load<u32>(map, M_MAX_ENTRIES) * 2 + 1;
  // Nodes that wait for a grace period are in nobody's way.
  if (memModel()) nodes += nodes + 4096;
  if (nodes * stride > RESERVE) nodes = RESERVE / stride;
  const first = heap_alloc(<u32>nodes * stride, 64);
  const key = heap_alloc(roundUp8(size) * 2, 16);
  const end = first + <u32>nodes * stride;
  if (
    first == 0 ||
    key == 0 ||
    !valueRegion(map, first + value, end, stride, load<u32>(map, M_VALUE_SIZE))
  ) {
    heap_free(first);
    heap_free(key);
    return <i32>ENOMEM;
  }
  store<u32>(map, size * 8, T_BITS);
  store<u32>(map, roundUp8(size) >> 3, T_WORDS);
  store<u32>(map, value, T_VALUE);
  store<u32>(map, stride, T_STRIDE);
  store<u32>(map, first, T_NODES);
  store<u32>(map, first, T_FRESH);
  store<u32>(map, end, T_END);
  store<u32>(map, key, T_KEY);
  if (memModel() && !poolNodes(map, <u32>nodes)) {
    lpm_trie_free(map);
    return <i32>ENOMEM;
  }
  setOp(map, OP_LOOKUP, lpm_trie_lookup.index);
  setOp(map, OP_UPDATE, lpm_trie_update.index);
  setOp(map, OP_DELETE, lpm_trie_delete.index);
  setOp(map, OP_NEXT_KEY, lpm_trie_next_key.index);
  setOp(map, OP_FREE, lpm_trie_free.index);
  setOp(map, OP_SYS_LOOKUP, lpm_trie_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, lpm_trie_sys_update.index);
  setOp(map, OP_SYS_DELETE, lpm_trie_sys_delete.index);
  return 0;
}

/** Nodes come from a pool, and wait for a grace period of RCU when they are freed (kfree_rcu). */
function poolNodes(map: u32, count: u32): bool {
  const size = load<u32>(map, M_KEY_SIZE) - K_DATA;
  const pool = poolNew(map, NODE + size + load<u32>(map, M_VALUE_SIZE), false);
  store<u32>(map, pool, T_POOL);
  if (pool == 0) return false;
  poolPoison(pool, load<u32>(map, T_VALUE), roundUp8(load<u32>(map, M_VALUE_SIZE)));
  return poolArea(pool, load<u32>(map, T_NODES), load<u32>(map, T_STRIDE), count);
}

export function lpm_trie_free(map: u32): void {
  poolRelease(load<u32>(map, T_POOL));
  heap_free(load<u32>(map, T_NODES));
  heap_free(load<u32>(map, T_KEY));
}

// ---- Bits -------------------------------------------------------------------------------------

/** Up to 8 bytes of address as a number whose top bit is the address's first. @inline */
function word(at: u32, size: u32): u64 {
  if (size >= 8) return bswap<u64>(load<u64>(at));
  return size == 4 ? (<u64>bswap<u32>(load<u32>(at))) << 32 : oddWord(at, size);
}

function oddWord(at: u32, size: u32): u64 {
  let bits: u64 = 0;
  for (let i: u32 = 0; i < size; i++) bits |= (<u64>load<u8>(at + i)) << (56 - (i << 3));
  return bits;
}

/** A key's address to host-order words. */
function unpack(map: u32, key: u32, to: u32): void {
  const size = load<u32>(map, M_KEY_SIZE) - K_DATA;
  for (let i: u32 = 0; i < size; i += 8) store<u64>(to + i, word(key + K_DATA + i, size - i));
}

/** And back: the key of a node, into `out`. */
function pack(map: u32, node: u32, out: u32): i32 {
  const size = load<u32>(map, M_KEY_SIZE) - K_DATA;
  store<u32>(out, load<u32>(node, 8));
  for (let i: u32 = 0; i < size; i++) {
    const bits = load<u64>(node + N_DATA + (i & ~7));
    store<u8>(out + K_DATA + i, <u8>(bits >> (56 - ((i & 7) << 3))));
  }
  return 0;
}

/** @inline */
function bit(data: u32, index: u32): u32 {
  return <u32>(load<u64>(data + ((index >> 6) << 3)) >> (63 - (index & 63))) & 1;
}

/** Leading bits that two addresses share, at most `limit`. */
function common(map: u32, a: u32, b: u32, limit: u32): u32 {
  const words = load<u32>(map, T_WORDS);
  for (let i: u32 = 0; i < words; i++) {
    const diff = load<u64>(a + (i << 3)) ^ load<u64>(b + (i << 3));
    if (diff != 0) return min<u32>(limit, (i << 6) + <u32>clz<u64>(diff));
  }
  return limit;
}

/** Bits a node's prefix and a key share. @inline */
function matched(map: u32, node: u32, data: u32, prefix: u32): u32 {
  return common(map, node + N_DATA, data, min<u32>(load<u32>(node, 8), prefix));
}

/** @inline */
function childOf(node: u32, side: u32): u32 {
  return node + (side << 2);
}

// ---- Lookup -----------------------------------------------------------------------------------

/** The most specific node that covers the key; 0 if there is none. Addresses up to 8 bytes. */
function longestWord(map: u32, key: u32, bits: u32): u32 {
  const prefix = load<u32>(key);
  const data = word(key + K_DATA, bits >> 3);
  let found: u32 = 0;
  let node = loadLink(map + T_ROOT);
  while (node != 0) {
    const length = load<u32>(node, 8);
    const same = min<u32>(<u32>clz<u64>(load<u64>(node, 16) ^ data), prefix);
    if (same < length) break;
    if (length == bits) return node;
    if (load<u32>(node, 12) == 0) found = node;
    node = loadLink(childOf(node, <u32>(data >> (63 - length)) & 1));
  }
  return found;
}

/** The same for addresses of 9 to 16 bytes. */
function longestPair(map: u32, key: u32, bits: u32): u32 {
  const prefix = load<u32>(key);
  const high = word(key + K_DATA, 8);
  const low = word(key + K_DATA + 8, (bits >> 3) - 8);
  let found: u32 = 0;
  let node = loadLink(map + T_ROOT);
  while (node != 0) {
    const length = load<u32>(node, 8);
    const diff = load<u64>(node, 16) ^ high;
    const equal = diff != 0 ? <u32>clz<u64>(diff) : 64 + <u32>clz<u64>(load<u64>(node, 24) ^ low);
    if (min<u32>(equal, prefix) < length) break;
    if (length == bits) return node;
    if (load<u32>(node, 12) == 0) found = node;
    const side = length < 64 ? high >> (63 - length) : low >> (127 - length);
    node = loadLink(childOf(node, <u32>side & 1));
  }
  return found;
}

/** The same for any length; the key gets room on the BPF stack. */
function longestWords(map: u32, key: u32, bits: u32): u32 {
  const top = stackTop();
  const data = stackReserve(load<u32>(map, T_WORDS) << 3);
  unpack(map, key, data);
  let found: u32 = 0;
  let node = loadLink(map + T_ROOT);
  while (node != 0) {
    const length = load<u32>(node, 8);
    if (matched(map, node, data, load<u32>(key)) < length) break;
    if (load<u32>(node, 12) == 0) found = node;
    if (length == bits) break;
    node = loadLink(childOf(node, bit(data, length)));
  }
  stackRestore(top);
  return found;
}

function search(map: u32, key: u32): u32 {
  const bits = load<u32>(map, T_BITS);
  if (load<u32>(key) > bits) return 0;
  if (bits <= 64) return longestWord(map, key, bits);
  return bits <= 128 ? longestPair(map, key, bits) : longestWords(map, key, bits);
}

export function lpm_trie_lookup(map: u32, key: u32): u64 {
  const node = search(map, key);
  return node == 0 ? 0 : valuePointer(map, node + load<u32>(map, T_VALUE));
}

// ---- Changes ----------------------------------------------------------------------------------

/** A node, or 0. Never used ones first: programs may still read what was freed. */
function takeNode(map: u32): u32 {
  const pool = load<u32>(map, T_POOL);
  if (pool != 0) return poolTakeHeap(pool);
  const fresh = load<u32>(map, T_FRESH);
  if (fresh < load<u32>(map, T_END)) {
    store<u32>(map, fresh + load<u32>(map, T_STRIDE), T_FRESH);
    return fresh;
  }
  const node = load<u32>(map, T_FREE);
  if (node != 0) {
    const next = load<u32>(node, 8);
    store<u32>(map, next, T_FREE);
    if (next == 0) store<u32>(map, 0, T_FREE_TAIL);
  }
  return node;
}

/** Gives a node back. As a prefix length the link is so long that a late reader stops there. */
function giveNode(map: u32, node: u32): void {
  const pool = load<u32>(map, T_POOL);
  if (pool != 0) return poolGiveLater(pool, node, GP_RCU);
  const tail = load<u32>(map, T_FREE_TAIL);
  store<u32>(node, 0, 8);
  store<u32>(map, node, T_FREE_TAIL);
  if (tail != 0) store<u32>(tail, node, 8);
  else store<u32>(map, node, T_FREE);
}

function makeNode(map: u32, prefix: u32, data: u32, middle: u32): u32 {
  const node = takeNode(map);
  if (node == 0) return 0;
  store<u64>(node, 0);
  store<u32>(node, prefix, 8);
  store<u32>(node, middle, 12);
  copyBytes(node + N_DATA, data, load<u32>(map, T_WORDS) << 3);
  return node;
}

/**
 * Where a prefix belongs: the link to the first node on its way that it does not simply go through
 * (or to nothing).
 */
function slotFor(map: u32, data: u32, prefix: u32): u32 {
  const bits = load<u32>(map, T_BITS);
  let slot = map + T_ROOT;
  for (let node = load<u32>(slot); node != 0; node = load<u32>(slot)) {
    const length = load<u32>(node, 8);
    if (length == prefix || length == bits || matched(map, node, data, prefix) != length) break;
    slot = childOf(node, bit(data, length));
  }
  return slot;
}

export function lpm_trie_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  if (load<u32>(key) > load<u32>(map, T_BITS)) return EINVAL;
  lock(map + M_LOCK);
  const error = insert(map, key, value, flags);
  unlock(map + M_LOCK);
  return error;
}

function insert(map: u32, key: u32, value: u32, flags: u64): i64 {
  const prefix = load<u32>(key);
  const data = load<u32>(map, T_KEY);
  unpack(map, key, data);
  const slot = slotFor(map, data, prefix);
  const old = load<u32>(slot);
  const same = old != 0 ? matched(map, old, data, prefix) : 0;
  const here = old != 0 && same == load<u32>(old, 8);
  const real = here && load<u32>(old, 12) == 0;
  if (real && flags == BPF_NOEXIST) return EEXIST;
  if (!real && flags == BPF_EXIST) return ENOENT;
  if (!real && load<u32>(map, M_COUNT) == load<u32>(map, M_MAX_ENTRIES)) return ENOSPC;
  const node = makeNode(map, prefix, data, 0);
  if (node == 0) return ENOMEM;
  copyValue(map, node + load<u32>(map, T_VALUE), value);
  if (here) {
    store<u64>(node, load<u64>(old));
    storeLink(slot, node);
    giveNode(map, old);
  } else if (old == 0) {
    storeLink(slot, node);
  } else if (!split(map, slot, old, node, same)) {
    giveNode(map, node);
    return ENOMEM;
  }
  if (!real) store<u32>(map, load<u32>(map, M_COUNT) + 1, M_COUNT);
  return 0;
}

/** Puts `node` above `old` if it covers it, else both below an intermediate node. */
function split(map: u32, slot: u32, old: u32, node: u32, same: u32): bool {
  if (same == load<u32>(node, 8)) {
    store<u32>(childOf(node, bit(old + N_DATA, same)), old);
    storeLink(slot, node);
    return true;
  }
  const middle = makeNode(map, same, old + N_DATA, 1);
  if (middle == 0) return false;
  const side = bit(node + N_DATA, same);
  store<u32>(childOf(middle, side), node);
  store<u32>(childOf(middle, 1 - side), old);
  storeLink(slot, middle);
  return true;
}

export function lpm_trie_delete(map: u32, key: u32): i64 {
  if (load<u32>(key) > load<u32>(map, T_BITS)) return EINVAL;
  lock(map + M_LOCK);
  const error = remove(map, key);
  unlock(map + M_LOCK);
  return error;
}

function remove(map: u32, key: u32): i64 {
  const prefix = load<u32>(key);
  const data = load<u32>(map, T_KEY);
  unpack(map, key, data);
  let slot = map + T_ROOT;
  let above = slot;
  let parent: u32 = 0;
  let node = load<u32>(slot);
  while (node != 0) {
    const length = load<u32>(node, 8);
    if (matched(map, node, data, prefix) != length) return ENOENT;
    if (length == prefix) break;
    parent = node;
    above = slot;
    slot = childOf(node, bit(data, length));
    node = load<u32>(slot);
  }
  if (node == 0 || load<u32>(node, 12) != 0) return ENOENT;
  store<u32>(map, load<u32>(map, M_COUNT) - 1, M_COUNT);
  unhook(map, node, slot, parent, above);
  return 0;
}

/** Takes a node out: two children keep it as intermediate; none may make its parent useless. */
function unhook(map: u32, node: u32, slot: u32, parent: u32, above: u32): void {
  const left = load<u32>(node);
  const right = load<u32>(node, 4);
  if (left != 0 && right != 0) {
    store<u32>(node, 1, 12);
    return;
  }
  if (left == 0 && right == 0 && parent != 0 && load<u32>(parent, 12) != 0) {
    const sibling = load<u32>(parent) == node ? load<u32>(parent, 4) : load<u32>(parent);
    storeLink(above, sibling);
    giveNode(map, parent);
  } else {
    storeLink(slot, left != 0 ? left : right);
  }
  giveNode(map, node);
}

// ---- Order ------------------------------------------------------------------------------------

/** First node in postorder below (or at) `node`: the more specific before the less specific. */
function firstBelow(node: u32): u32 {
  let found: u32 = 0;
  while (node != 0) {
    if (load<u32>(node, 12) != 0) {
      node = load<u32>(node);
    } else {
      found = node;
      node = load<u32>(node) != 0 ? load<u32>(node) : load<u32>(node, 4);
    }
  }
  return found;
}

/**
 * Postorder, as Linux walks: the successor is what the lowest ancestor offers, its right side if we
 * come from the left, else itself. An unknown key starts over.
 */
export function lpm_trie_next_key(map: u32, key: u32, next: u32): i32 {
  const root = load<u32>(map, T_ROOT);
  if (root == 0) return <i32>ENOENT;
  const prefix = key == 0 ? u32.MAX_VALUE : load<u32>(key);
  if (prefix > load<u32>(map, T_BITS)) return pack(map, firstBelow(root), next);
  const data = load<u32>(map, T_KEY);
  unpack(map, key, data);
  let offer: u32 = 0;
  let below = false;
  let node = root;
  while (node != 0) {
    const length = load<u32>(node, 8);
    if (matched(map, node, data, prefix) != length) break;
    if (length == prefix) {
      if (load<u32>(node, 12) != 0) break;
      if (offer == 0) return <i32>ENOENT;
      return pack(map, below ? firstBelow(offer) : offer, next);
    }
    const side = bit(data, length);
    if (side == 0 && load<u32>(node, 4) != 0) {
      offer = load<u32>(node, 4);
      below = true;
    } else if (load<u32>(node, 12) == 0) {
      offer = node;
      below = false;
    }
    node = load<u32>(childOf(node, side));
  }
  return pack(map, firstBelow(root), next);
}

export function lpm_trie_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = search(map, key);
  if (node == 0) return <i32>ENOENT;
  copyValue(map, out, node + load<u32>(map, T_VALUE));
  return 0;
}

export function lpm_trie_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>lpm_trie_update(map, key, value, flags);
}

export function lpm_trie_sys_delete(map: u32, key: u32): i32 {
  return <i32>lpm_trie_delete(map, key);
}
