/**
 * The chains of a hash table: from a key to its hash, its bucket, its node (core/hash.ts says how
 * they lie in memory), and nodes put into chains and taken out.
 */
import { H_BUCKETS, H_INIT, H_MASK, M_KEY_SIZE, M_PRIVATE } from '../layout';
import { sameBytes } from './copy';
import { jhash, jhash16, jhash4, jhash8, keyWord } from './jhash';
import { loadLink, storeLink } from './lock';
import { otherHash } from './map-hash';

/** LOCKS spin locks, one for every LOCKS-th bucket. */
export const H_LOCKS = M_PRIVATE + 44;
/** u64: added to a node's address it makes the tagged pointer to its value. */
export const H_POINTER = M_PRIVATE + 56;
/**
 * u32: how to look a key up. Its size if jhash has a short way for it (4, 8, 16); JHASH_ANY for
 * other sizes; OTHER_HASH.
 */
export const H_WAY = M_PRIVATE + 80;
export const JHASH_ANY: u32 = 0;
export const OTHER_HASH: u32 = 1;

export const LOCKS: u32 = 64;

/** What ends the chain of bucket `index`. @inline */
export function endOf(index: u32): u32 {
  return SHARED ? (index << 1) | 1 : 0;
}

/** @inline */
export function isNode(link: u32): bool {
  return SHARED ? (link & 1) == 0 : link != 0;
}

/** @inline */
export function bucketOf(map: u32, hash: u32): u32 {
  return load<u32>(map, H_BUCKETS) + ((hash & load<u32>(map, H_MASK)) << 2);
}

/** @inline */
export function lockOf(map: u32, hash: u32): u32 {
  return load<u32>(map, H_LOCKS) + ((hash & load<u32>(map, H_MASK) & (LOCKS - 1)) << 2);
}

// Keys of 4, 8 and 16 bytes are read once, in small pieces (see keyWord), and compared as 64-bit
// words made from those.

/** @inline */
function pair(low: u32, high: u32): u64 {
  return <u64>low | ((<u64>high) << 32);
}

/** jhash of an 8-byte key. @inline */
export function hashOf8(map: u32, key: u32): u32 {
  return jhash8(load<u32>(key), keyWord(key + 4), load<u32>(map, H_INIT));
}

/** jhash of a 4-byte key. @inline */
export function hashOf4(map: u32, key: u32): u32 {
  return jhash4(load<u32>(key), load<u32>(map, H_INIT));
}

/** jhash of a 16-byte key. @inline */
export function hashOf16(map: u32, key: u32): u32 {
  const w1 = keyWord(key + 4);
  return jhash16(keyWord(key), w1, keyWord(key + 8), keyWord(key + 12), load<u32>(map, H_INIT));
}

export function hashOf(map: u32, key: u32): u32 {
  const way = load<u32>(map, H_WAY);
  if (way == 8) return hashOf8(map, key);
  if (way == 4) return hashOf4(map, key);
  if (way == 16) return hashOf16(map, key);
  const init = load<u32>(map, H_INIT);
  const size = load<u32>(map, M_KEY_SIZE);
  return way == OTHER_HASH ? otherHash(map, key, size) : jhash(key, size, init);
}

/** Walks on from the link at `at` to the node with the key or the end. @inline */
function find4(at: u32, key: u32, KEY: u32): u32 {
  let node = loadLink(at);
  while (isNode(node)) {
    if (load<u32>(node + KEY) == key) break;
    node = loadLink(node);
  }
  return node;
}

/** @inline */
function find8(at: u32, key: u64, KEY: u32): u32 {
  let node = loadLink(at);
  while (isNode(node)) {
    if (load<u64>(node + KEY) == key) break;
    node = loadLink(node);
  }
  return node;
}

/** @inline */
function find16(at: u32, low: u64, high: u64, KEY: u32): u32 {
  let node = loadLink(at);
  while (isNode(node)) {
    if (load<u64>(node + KEY) == low && load<u64>(node + KEY, 8) == high) break;
    node = loadLink(node);
  }
  return node;
}

function findBytes(at: u32, key: u32, size: u32, hash: u32, KEY: u32): u32 {
  let node = loadLink(at);
  while (isNode(node)) {
    if (load<u32>(node, 4) == hash && sameBytes(node + KEY, key, size)) break;
    node = loadLink(node);
  }
  return node;
}

// Lookups need no lock. A chain that ends as another bucket's: the node under us moved there, so
// the walk starts over.

/** Node of a 4-byte key, or 0. This one and the next two: only for jhash. @inline */
export function findNode4(map: u32, key: u32, KEY: u32): u32 {
  const w0 = load<u32>(key);
  const bucket = jhash4(w0, load<u32>(map, H_INIT)) & load<u32>(map, H_MASK);
  const head = load<u32>(map, H_BUCKETS) + (bucket << 2);
  let node: u32;
  do {
    node = find4(head, w0, KEY);
    if (isNode(node)) return node;
  } while (SHARED && node != endOf(bucket));
  return 0;
}

/** Node of an 8-byte key, or 0. @inline */
export function findNode8(map: u32, key: u32, KEY: u32): u32 {
  const w0 = load<u32>(key);
  const w1 = keyWord(key + 4);
  const bucket = jhash8(w0, w1, load<u32>(map, H_INIT)) & load<u32>(map, H_MASK);
  const head = load<u32>(map, H_BUCKETS) + (bucket << 2);
  let node: u32;
  do {
    node = find8(head, pair(w0, w1), KEY);
    if (isNode(node)) return node;
  } while (SHARED && node != endOf(bucket));
  return 0;
}

/** Node of a 16-byte key, or 0. @inline */
export function findNode16(map: u32, key: u32, KEY: u32): u32 {
  const w0 = keyWord(key);
  const w1 = keyWord(key + 4);
  const w2 = keyWord(key + 8);
  const w3 = keyWord(key + 12);
  const bucket = jhash16(w0, w1, w2, w3, load<u32>(map, H_INIT)) & load<u32>(map, H_MASK);
  const head = load<u32>(map, H_BUCKETS) + (bucket << 2);
  let node: u32;
  do {
    node = find16(head, pair(w0, w1), pair(w2, w3), KEY);
    if (isNode(node)) return node;
  } while (SHARED && node != endOf(bucket));
  return 0;
}

/** Node of a key of any size, or 0; `hash` is the key's. @inline */
function findHashed(map: u32, key: u32, size: u32, hash: u32, KEY: u32): u32 {
  const bucket = hash & load<u32>(map, H_MASK);
  const head = load<u32>(map, H_BUCKETS) + (bucket << 2);
  let node: u32;
  do {
    node = findBytes(head, key, size, hash, KEY);
    if (isNode(node)) return node;
  } while (SHARED && node != endOf(bucket));
  return 0;
}

function findNodeBytes(map: u32, key: u32, KEY: u32): u32 {
  const size = load<u32>(map, M_KEY_SIZE);
  return findHashed(map, key, size, jhash(key, size, load<u32>(map, H_INIT)), KEY);
}

function findNodeOther(map: u32, key: u32, KEY: u32): u32 {
  const size = load<u32>(map, M_KEY_SIZE);
  return findHashed(map, key, size, otherHash(map, key, size), KEY);
}

/** Node of `key`, or 0. @inline */
export function findNode(map: u32, key: u32, KEY: u32): u32 {
  const way = load<u32>(map, H_WAY);
  if (way == 8) return findNode8(map, key, KEY);
  if (way == 4) return findNode4(map, key, KEY);
  if (way == 16) return findNode16(map, key, KEY);
  return way == JHASH_ANY ? findNodeBytes(map, key, KEY) : findNodeOther(map, key, KEY);
}

/** What a program gets for the value in a node; 0 for no node. @inline */
export function pointerTo(map: u32, node: u32): u64 {
  return node == 0 ? 0 : load<u64>(map, H_POINTER) + node;
}

/**
 * Address of the link (in the bucket or a node) that leads to the node of `key`, or 0 if it is not
 * there. For writers, who hold the lock and know the hash. @inline
 */
export function findLink(at: u32, key: u32, size: u32, hash: u32, KEY: u32): u32 {
  if (size == 8) return findLink8(at, pair(load<u32>(key), keyWord(key + 4)), KEY);
  if (size == 4) return findLink4(at, load<u32>(key), KEY);
  if (size == 16) {
    const low = pair(keyWord(key), keyWord(key + 4));
    return findLink16(at, low, pair(keyWord(key + 8), keyWord(key + 12)), KEY);
  }
  return findLinkBytes(at, key, size, hash, KEY);
}

/** @inline */
function findLink4(at: u32, key: u32, KEY: u32): u32 {
  for (let node = load<u32>(at); isNode(node); node = load<u32>(at)) {
    if (load<u32>(node + KEY) == key) return at;
    at = node;
  }
  return 0;
}

/** @inline */
function findLink8(at: u32, key: u64, KEY: u32): u32 {
  for (let node = load<u32>(at); isNode(node); node = load<u32>(at)) {
    if (load<u64>(node + KEY) == key) return at;
    at = node;
  }
  return 0;
}

/** @inline */
function findLink16(at: u32, low: u64, high: u64, KEY: u32): u32 {
  for (let node = load<u32>(at); isNode(node); node = load<u32>(at)) {
    if (load<u64>(node + KEY) == low && load<u64>(node + KEY, 8) == high) return at;
    at = node;
  }
  return 0;
}

function findLinkBytes(at: u32, key: u32, size: u32, hash: u32, KEY: u32): u32 {
  for (let node = load<u32>(at); isNode(node); node = load<u32>(at)) {
    if (load<u32>(node, 4) == hash && sameBytes(node + KEY, key, size)) return at;
    at = node;
  }
  return 0;
}

/** Node of `key`, or 0; for writers. */
export function findLocked(map: u32, key: u32, hash: u32, KEY: u32): u32 {
  const at = findLink(bucketOf(map, hash), key, load<u32>(map, M_KEY_SIZE), hash, KEY);
  return at == 0 ? 0 : load<u32>(at);
}

/** Puts a finished node at the head of its chain. @inline */
export function linkNode(bucket: u32, node: u32, hash: u32): void {
  store<u32>(node, hash, 4);
  storeLink(node, load<u32>(bucket));
  storeLink(bucket, node);
}

/** The same, in exchange for the node that the link `at` leads to. @inline */
export function replaceNode(bucket: u32, node: u32, hash: u32, at: u32, old: u32): void {
  linkNode(bucket, node, hash);
  // The link in the bucket now leads to the new node, whose link is what it was.
  storeLink(at == bucket ? node : at, load<u32>(old));
}

/** Takes a node out of its chain; false if it is not in it. Its own link stays, for walkers. */
export function unlinkNode(map: u32, node: u32, hash: u32): bool {
  let at = bucketOf(map, hash);
  let link = load<u32>(at);
  while (isNode(link)) {
    if (link == node) {
      storeLink(at, load<u32>(node));
      return true;
    }
    at = link;
    link = load<u32>(at);
  }
  return false;
}
