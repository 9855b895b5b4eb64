/**
 * The hash table under hash, percpu_hash, lru_hash, lru_percpu_hash and hash_of_maps.
 *
 * As Linux does it (kernel/bpf/hashtab.c): a power of two of buckets, chains that grow at their
 * head, jhash (or what M_HASH says). So keys come in Linux's order when the seed is zero. A node is
 *
 *   u32 next, u32 hash (link of the free list while free), [LRU links, value address], key, value
 *
 * and all nodes lie in one block, so one region covers their values. The offset of the key (`KEY`)
 * is a constant of the map type that gets folded into the inlined lookup. Chains end in a number
 * that is no address: 0, or, in shared memory, an odd one that names the bucket, so that a reader
 * whose node moved to another chain notices and starts over.
 */
import {
  GLOBALS,
  G_RANDOM,
  HASH_JHASH,
  H_BUCKETS,
  H_END,
  H_EXTRA,
  H_FREE,
  H_FRESH,
  H_INIT,
  H_MASK,
  H_STRIDE,
  H_VALUE,
  M_COUNT,
  M_CPU_STRIDE,
  M_FIELDS,
  M_FLAGS,
  M_HASH,
  M_KEY_SIZE,
  M_MAX_ENTRIES,
  M_PRIVATE,
  M_VALUES,
  M_VALUE_SIZE,
} from '../layout';
import { POOL_CPU_STRIDE, POOL_TWIN } from '../mem-layout';
import { callForElement, stackReserve, stackRestore, stackTop } from './callback';
import { copyBytes, copyKey } from './copy';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from './errno';
import { fieldsFree, fieldsInit } from './fields';
import {
  H_LOCKS,
  H_POINTER,
  H_WAY,
  JHASH_ANY,
  LOCKS,
  OTHER_HASH,
  bucketOf,
  endOf,
  findLink,
  findLocked,
  hashOf,
  isNode,
  lockOf,
} from './hash-chains';
import { cpu_number, random_next } from './instance';
import { JHASH_INITVAL } from './jhash';
import { addCount, loadLink, lock, storeLink, unlock } from './lock';
import { H_SEED } from './map-hash';
import { cpuCount, roundUp8, valuePointer, valueRegion } from './map';
import {
  memModel,
  poolArea,
  poolFill,
  poolGive,
  poolIsLive,
  poolNew,
  poolPoison,
  poolRelease,
  poolTake,
} from './mem-cache';
import { heap_alloc, heap_free } from './memory';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_NOEXIST } from './uapi';

// The table's fields in the map header, behind those that compiled code knows (layout.ts). jhash
// begins with 0xdeadbeef + key size + seed.
export { H_BUCKETS, H_END, H_FRESH, H_INIT, H_MASK, H_STRIDE, H_VALUE };
export const H_NODES = M_PRIVATE + 16;
export const H_FREE_LOCK = M_PRIVATE + 36;
/** LRU state (core/lru.ts). */
export const H_LRU = M_PRIVATE + 48;
/** The pool of its elements (core/mem-cache.ts), or 0: they are its own. */
export const H_POOL = M_PRIVATE + 52;

/** Address of CPU 0's value, in nodes of per-CPU tables that are no LRU. */
export const NODE_HOME: u32 = 8;

/** BPF_F_NO_PREALLOC maps reserve at most this much; they answer ENOMEM beyond it. */
const RESERVE: u64 = 0x10000000;
/** Bytes of the kernel's struct htab_elem, and of a per-CPU item's own block. */
const ELEMENT: u32 = 48;
/** Room for elements that wait for a grace period, at least, and for those in a CPU's cache. */
const WAITING: u64 = 4096;
const CACHED: u32 = 256;
/** KMALLOC_MAX_SIZE less the kernel's element header. */
const MAX_ELEMENT: u64 = 0x400000 - 48;

/** Bytes from node to node: such that small nodes do not straddle cache lines. */
function nodeStride(size: u32): u32 {
  if (size <= 16) return 16;
  return size <= 32 ? 32 : (size + 15) & ~15;
}

function bucketCount(entries: u32): u32 {
  return entries <= 1 ? 1 : (<u32>1) << (32 - clz<u32>(entries - 1));
}

/**
 * Makes the table. `keyOffset` is KEY; `inNode` the bytes of value in a node; `spare` how many
 * nodes beyond max_entries (replacing updates need one per CPU).
 */
export function hashCreate(map: u32, keyOffset: u32, inNode: u32, spare: u32): i32 {
  const entries = load<u32>(map, M_MAX_ENTRIES);
  const keySize = load<u32>(map, M_KEY_SIZE);
  if (<u64>keySize + load<u32>(map, M_VALUE_SIZE) >= MAX_ELEMENT) return <i32>E2BIG;
  if (entries > 0x80000000) return <i32>E2BIG;
  const value = keyOffset + roundUp8(keySize);
  const stride = nodeStride(value + roundUp8(inNode));
  const buckets = bucketCount(entries);
  // The kernel's 16-byte buckets must fit 4 GiB.
  if (buckets >= 0x10000000) return <i32>E2BIG;
  store<u32>(map, buckets - 1, H_MASK);
  seedHash(map, keySize);
  store<u32>(map, value, H_VALUE);
  store<u32>(map, stride, H_STRIDE);
  const pooled = memModel() && (load<u32>(map, M_FLAGS) & BPF_F_NO_PREALLOC) != 0;
  if (pooled) spare = pooledSpare(map, stride);
  const error = allocate(map, buckets, nodesWanted(map, stride) + spare);
  return error != 0 || !pooled ? error : poolNodes(map, inNode);
}

/** A seed for the keys' hash, and the way to it. */
function seedHash(map: u32, keySize: u32): void {
  const zero = (load<u32>(map, M_FLAGS) & BPF_F_ZERO_SEED) != 0;
  const seed: u64 = zero ? 0 : random_next(GLOBALS + G_RANDOM);
  store<u32>(map, JHASH_INITVAL + keySize + <u32>seed, H_INIT);
  if (load<u32>(map, M_HASH) != HASH_JHASH) {
    store<u32>(map, OTHER_HASH, H_WAY);
    store<u64>(map, seed, H_SEED);
    store<u64>(map, zero ? 0 : random_next(GLOBALS + G_RANDOM), H_SEED + 8);
  } else {
    const short = keySize == 4 || keySize == 8 || keySize == 16;
    store<u32>(map, short ? keySize : JHASH_ANY, H_WAY);
  }
}

/** Nodes of a pool beyond max_entries: those in caches, and those that wait. */
function pooledSpare(map: u32, stride: u32): u32 {
  const entries = <u64>load<u32>(map, M_MAX_ENTRIES);
  const wanted = max<u64>(entries * 4, WAITING) + <u64>(cpuCount() * CACHED);
  return <u32>min<u64>(wanted, RESERVE / stride);
}

/** Elements that a pool hands out, of as many bytes as in Linux. */
function poolNodes(map: u32, inNode: u32): i32 {
  const perCpu = inNode == 0;
  const size = ELEMENT + roundUp8(load<u32>(map, M_KEY_SIZE)) + (perCpu ? 8 : roundUp8(inNode));
  const pool = poolNew(map, size + 8, false);
  store<u32>(map, pool, H_POOL);
  const first = load<u32>(map, H_NODES);
  const stride = load<u32>(map, H_STRIDE);
  const count = (load<u32>(map, H_END) - first) / stride;
  if (pool == 0 || !poolArea(pool, first, stride, count)) {
    hashRelease(map);
    return <i32>ENOMEM;
  }
  poolPoison(pool, load<u32>(map, H_VALUE), roundUp8(inNode));
  poolFill(pool);
  // The pool is where nodes come from, and no CPU needs a spare one.
  store<u32>(map, load<u32>(map, H_END), H_FRESH);
  heap_free(load<u32>(map, H_EXTRA));
  store<u32>(map, 0, H_EXTRA);
  return 0;
}

function nodesWanted(map: u32, stride: u32): u32 {
  const entries = load<u32>(map, M_MAX_ENTRIES);
  const most = <u32>(RESERVE / stride);
  return load<u32>(map, M_FLAGS) & BPF_F_NO_PREALLOC && entries > most ? most : entries;
}

function allocate(map: u32, buckets: u32, nodes: u32): i32 {
  const stride = load<u32>(map, H_STRIDE);
  const size = <u64>stride * nodes;
  if (size > 0xe0000000) return <i32>ENOMEM;
  store<u32>(map, heap_alloc(buckets << 2, 64), H_BUCKETS);
  const first = heap_alloc(<u32>size, 64);
  store<u32>(map, first, H_NODES);
  store<u32>(map, heap_alloc(cpuCount() << 2, 16), H_EXTRA);
  store<u32>(map, heap_alloc(LOCKS << 2, 64), H_LOCKS);
  if (load<u32>(map, H_BUCKETS) == 0 || first == 0 || load<u32>(map, H_LOCKS) == 0) {
    hashRelease(map);
    return <i32>ENOMEM;
  }
  store<u32>(map, first, H_FRESH);
  store<u32>(map, first + <u32>size, H_END);
  if (SHARED) {
    const table = load<u32>(map, H_BUCKETS);
    for (let i: u32 = 0; i < buckets; i++) store<u32>(table + (i << 2), endOf(i));
  }
  return 0;
}

/** What its values own goes with it: free nodes own nothing. */
export function hashRelease(map: u32): void {
  if (load<u32>(map, M_FIELDS) != 0) {
    const stride = load<u32>(map, H_STRIDE);
    const end = load<u32>(map, H_END);
    const pool = load<u32>(map, H_POOL);
    for (let at = load<u32>(map, H_NODES); at < end; at += stride) {
      if (pool == 0 || poolIsLive(pool, at)) nodeFree(map, at);
    }
  }
  const pool = load<u32>(map, H_POOL);
  if (pool != 0) {
    poolRelease(load<u32>(pool, POOL_TWIN));
    poolRelease(pool);
  }
  heap_free(load<u32>(map, H_BUCKETS));
  heap_free(load<u32>(map, H_NODES));
  heap_free(load<u32>(map, H_EXTRA));
  heap_free(load<u32>(map, H_LOCKS));
}

/** Region over the values that lie in the nodes. */
export function nodeRegion(map: u32): i32 {
  const stride = load<u32>(map, H_STRIDE);
  const start = load<u32>(map, H_NODES) + load<u32>(map, H_VALUE);
  if (!valueRegion(map, start, load<u32>(map, H_END), stride, load<u32>(map, M_VALUE_SIZE))) {
    hashRelease(map);
    return <i32>ENOMEM;
  }
  store<u64>(map, valuePointer(map, load<u32>(map, H_VALUE)), H_POINTER);
  return 0;
}

/** A whole table with values in the nodes and a spare node per CPU for updates that replace. */
export function plainTableCreate(map: u32, keyOffset: u32): i32 {
  const error = hashCreate(map, keyOffset, load<u32>(map, M_VALUE_SIZE), cpuCount());
  if (error != 0) return error;
  if (load<u32>(map, H_POOL) == 0) takeExtras(map);
  return nodeRegion(map);
}

/** Per-CPU values in an area of their own; each node's address field (`at`) is set on first use. */
export function percpuValues(map: u32): i32 {
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const stride = load<u32>(map, H_STRIDE);
  const nodes = (load<u32>(map, H_END) - load<u32>(map, H_NODES)) / stride;
  const one = (<u64>size * nodes + 63) & ~63;
  const all = one * cpuCount();
  const values: u32 = all > 0xe0000000 ? 0 : heap_alloc(<u32>all, 64);
  if (
    values == 0 ||
    !valueRegion(map, values, values + <u32>all, size, load<u32>(map, M_VALUE_SIZE))
  ) {
    heap_free(values);
    hashRelease(map);
    return <i32>ENOMEM;
  }
  store<u32>(map, values, M_VALUES);
  store<u32>(map, <u32>one, M_CPU_STRIDE);
  return poolHomes(map, nodes);
}

/** Per-CPU values have a pool of their own. */
function poolHomes(map: u32, count: u32): i32 {
  const pool = load<u32>(map, H_POOL);
  if (pool == 0) return 0;
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const homes = poolNew(map, size, true);
  store<u32>(pool, homes, POOL_TWIN);
  if (homes == 0 || !poolArea(homes, load<u32>(map, M_VALUES), size, count)) {
    heap_free(load<u32>(map, M_VALUES));
    hashRelease(map);
    return <i32>ENOMEM;
  }
  store<u32>(homes, load<u32>(map, M_CPU_STRIDE), POOL_CPU_STRIDE);
  poolPoison(homes, 0, size);
  poolFill(homes);
  return 0;
}

/** Where CPU 0's value of a new node is to be; 0 without memory. */
export function takeHome(map: u32, node: u32): u32 {
  const pool = load<u32>(map, H_POOL);
  if (pool == 0) return percpuHome(map, node);
  const home = poolTake(load<u32>(pool, POOL_TWIN));
  const fields = load<u32>(map, M_FIELDS);
  if (home == 0 || fields == 0) return home;
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    fieldsInit(fields, home + cpu * load<u32>(map, M_CPU_STRIDE));
  }
  return home;
}

/** Address of CPU 0's value of a node of a per-CPU table. */
export function percpuHome(map: u32, node: u32): u32 {
  const index = (node - load<u32>(map, H_NODES)) / load<u32>(map, H_STRIDE);
  return load<u32>(map, M_VALUES) + index * roundUp8(load<u32>(map, M_VALUE_SIZE));
}

// ---- Free nodes -----------------------------------------------------------------------------

/** A free node, or 0. @inline */
export function takeNode(map: u32): u32 {
  lock(map + H_FREE_LOCK);
  let node = load<u32>(map, H_FREE);
  if (node != 0) {
    store<u32>(map, load<u32>(node, 4), H_FREE);
  } else {
    node = load<u32>(map, H_FRESH);
    if (node >= load<u32>(map, H_END)) node = load<u32>(map, H_POOL) == 0 ? 0 : pooledNode(map);
    else store<u32>(map, node + load<u32>(map, H_STRIDE), H_FRESH);
  }
  unlock(map + H_FREE_LOCK);
  return node;
}

/** A node of the pool, or 0: the map is full, or there is no memory. */
function pooledNode(map: u32): u32 {
  if (load<u32>(map, M_COUNT) >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  return freshNode(map);
}

/** Of the pool: special fields of its value are zeros (check_and_init_map_value). */
function freshNode(map: u32): u32 {
  const node = poolTake(load<u32>(map, H_POOL));
  const fields = load<u32>(map, M_FIELDS);
  const inNode = load<u32>(map, M_CPU_STRIDE) == 0;
  if (node != 0 && fields != 0 && inNode) fieldsInit(fields, node + load<u32>(map, H_VALUE));
  return node;
}

/** Why there is no node for a new key. */
export function noNode(map: u32): i64 {
  const pooled = load<u32>(map, H_POOL) != 0;
  return pooled && load<u32>(map, M_COUNT) < load<u32>(map, M_MAX_ENTRIES) ? ENOMEM : E2BIG;
}

/** Releases what a node's value owns, on all CPUs if it has one on each. */
export function nodeFree(map: u32, node: u32): void {
  const fields = load<u32>(map, M_FIELDS);
  if (fields == 0) return;
  if (load<u32>(map, M_CPU_STRIDE) == 0) {
    fieldsFree(fields, node + load<u32>(map, H_VALUE));
    return;
  }
  const pooled = load<u32>(map, H_POOL) != 0;
  const home = pooled ? load<u32>(node, NODE_HOME) : percpuHome(map, node);
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    fieldsFree(fields, home + cpu * load<u32>(map, M_CPU_STRIDE));
  }
}

function giveToPool(pool: u32, node: u32): void {
  const homes = load<u32>(pool, POOL_TWIN);
  if (homes != 0) poolGive(homes, load<u32>(node, NODE_HOME));
  poolGive(pool, node);
}

/** A node whose value another one has replaced: what it owned goes, and it itself if not spare. */
export function replaced(map: u32, node: u32): void {
  nodeFree(map, node);
  const pool = load<u32>(map, H_POOL);
  if (pool != 0) giveToPool(pool, node);
}

/** A node that never was in the table. */
export function unusedNode(map: u32, node: u32): void {
  poolGive(load<u32>(map, H_POOL), node);
}

/** @inline */
export function giveNode(map: u32, node: u32): void {
  nodeFree(map, node);
  const pool = load<u32>(map, H_POOL);
  if (pool != 0) return giveToPool(pool, node);
  lock(map + H_FREE_LOCK);
  store<u32>(node, load<u32>(map, H_FREE), 4);
  store<u32>(map, node, H_FREE);
  unlock(map + H_FREE_LOCK);
}

/** Every CPU sets one node aside for updates that replace. */
export function takeExtras(map: u32): void {
  const extra = load<u32>(map, H_EXTRA);
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) store<u32>(extra + (cpu << 2), takeNode(map));
}

/**
 * A node in exchange for `old`: this CPU's spare one, `old` becomes it; or one of the pool.
 * @inline
 */
export function swapExtra(map: u32, old: u32): u32 {
  const extra = load<u32>(map, H_EXTRA);
  if (extra == 0) return freshNode(map);
  const at = extra + (cpu_number << 2);
  const node = load<u32>(at);
  store<u32>(at, old);
  return node;
}

/** @inline */
export function countChange(map: u32, by: i32): void {
  addCount(map + M_COUNT, <u32>by);
}

// ---- Operations all these maps share ----------------------------------------------------------

/** Errno of an update's flags against whether the key is there. @inline */
export function existsCheck(old: u32, flags: u64): i64 {
  if (old != 0) return flags == BPF_NOEXIST ? EEXIST : 0;
  return flags == BPF_EXIST ? ENOENT : 0;
}

/** Key after `key` in bucket order; the first one if `key` is 0 or not there. */
export function hashNextKey(map: u32, key: u32, next: u32, KEY: u32): i32 {
  return nextKeyFrom(map, key, key == 0 ? 0 : hashOf(map, key), next, KEY);
}

/** The same with the hash given. */
export function nextKeyFrom(map: u32, key: u32, hash: u32, next: u32, KEY: u32): i32 {
  const mask = load<u32>(map, H_MASK);
  let bucket: u32 = 0;
  if (key != 0) {
    const node = findLocked(map, key, hash, KEY);
    if (node != 0) {
      const after = loadLink(node);
      if (isNode(after)) return keyOut(map, after, next, KEY);
      bucket = (hash & mask) + 1;
      if (bucket == 0) return <i32>ENOENT;
    }
  }
  for (; bucket <= mask; bucket++) {
    const node = loadLink(load<u32>(map, H_BUCKETS) + (bucket << 2));
    if (isNode(node)) return keyOut(map, node, next, KEY);
  }
  return <i32>ENOENT;
}

function keyOut(map: u32, node: u32, next: u32, KEY: u32): i32 {
  copyBytes(next, node + KEY, load<u32>(map, M_KEY_SIZE));
  return 0;
}

/** Deletes from a table whose free nodes are its own (not an LRU's). @inline */
export function hashDelete(map: u32, key: u32, KEY: u32): i64 {
  return hashDeleteSized(map, key, load<u32>(map, M_KEY_SIZE), hashOf(map, key), KEY);
}

/** The same with size and hash given. @inline */
export function hashDeleteSized(map: u32, key: u32, size: u32, hash: u32, KEY: u32): i64 {
  const word = lockOf(map, hash);
  lock(word);
  const at = findLink(bucketOf(map, hash), key, size, hash, KEY);
  let node: u32 = 0;
  if (at != 0) {
    node = load<u32>(at);
    storeLink(at, load<u32>(node));
  }
  unlock(word);
  if (node == 0) return ENOENT;
  giveNode(map, node);
  countChange(map, -1);
  return 0;
}

/**
 * Address of the value a program on this CPU sees. `HOME` is the offset of the value address.
 * @inline
 */
export function valueAt(map: u32, node: u32, HOME: u32): u32 {
  if (HOME == 0) return node + load<u32>(map, H_VALUE);
  return load<u32>(node + HOME) + cpu_number * load<u32>(map, M_CPU_STRIDE);
}

/** Calls back for every element, in bucket order; the callback may delete. */
export function hashForEach(map: u32, slot: u32, ctx: u64, flags: u64, KEY: u32, HOME: u32): i64 {
  if (flags != 0) return EINVAL;
  const size = load<u32>(map, M_KEY_SIZE);
  const mask = load<u32>(map, H_MASK);
  const top = stackTop();
  const key = stackReserve(size);
  let seen: i64 = 0;
  for (let bucket: u32 = 0; bucket <= mask; bucket++) {
    let node = loadLink(load<u32>(map, H_BUCKETS) + (bucket << 2));
    while (isNode(node)) {
      const after = loadLink(node);
      copyKey(key, node + KEY, size);
      const stop = callForElement(slot, map, key, valuePointer(map, valueAt(map, node, HOME)), ctx);
      seen++;
      if (stop != 0) {
        stackRestore(top);
        return seen;
      }
      node = after;
    }
    if (bucket == mask) break;
  }
  stackRestore(top);
  return seen;
}

// ---- Buckets from outside: batch operations and statistics ------------------------------------

/** Number of buckets. */
export function hash_buckets(map: u32): u32 {
  return load<u32>(map, H_MASK) + 1;
}

/** Copies up to `most` keys of a bucket to `out`, in chain order; returns how many it has. */
export function hash_bucket_keys(map: u32, bucket: u32, out: u32, most: u32): u32 {
  const size = load<u32>(map, M_KEY_SIZE);
  const key = load<u32>(map, H_VALUE) - roundUp8(size);
  let node = loadLink(load<u32>(map, H_BUCKETS) + (bucket << 2));
  let count: u32 = 0;
  while (isNode(node)) {
    if (count < most) copyBytes(out + count * size, node + key, size);
    count++;
    node = loadLink(node);
  }
  return count;
}
