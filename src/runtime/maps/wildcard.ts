/**
 * Wildcard map, an extension (proposed for Linux in 2022, never merged): rules over several fields
 * (prefixes, ranges, exact and optional matches) with priorities; a lookup finds the rule with the
 * lowest priority number that covers a packet.
 *
 * Rules are kept as TupleMerge does (Daly et al., 2019): tables that each mask the fields in one
 * way and hash what is left, shared by all rules whose masks cover the table's. A lookup asks table
 * by table, the one with the best rule first, and stops when no table can do better. All tables
 * share one array of buckets; chains are in order of priority. A rule that finds too many others
 * behind its hash gets a table with more bits. Ranges are never hashed. With map_extra 1 there is
 * one table without bits: a linear search.
 *
 * A field is one lane, a number of up to 64 bits in host order, or two (IPv6 addresses). A rule is
 * two numbers a lane: value and mask, or least and most. The descriptor (made from the key's type,
 * `wildcardFields` in src/abi) is `lanes`, then LANE_WORDS u32 a lane:
 *
 *   kind, offset in a packet's key, offset in a rule of the value (or least), offset there of the
 *   prefix length (or most), bytes, bits of the field in lanes before, bits of the field, 0
 *
 * A key is u32 type, u32 priority, then a rule or a packet's fields. A node is
 *
 *   u32 next, u32 hash, u32 table (0: free), u32 sequence, lanes (16 bytes each), key, value
 *
 * and a table u32 best priority, u32 rules, u64 seed, then a mask a lane. Memory shared by several
 * threads: lookups take the map's lock.
 */
import {
  M_COUNT,
  M_DESCRIPTOR,
  M_EXTRA,
  M_FLAGS,
  M_KEY_SIZE,
  M_LOCK,
  M_MAX_ENTRIES,
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
import { stackReserve, stackRestore, stackTop } from '../core/callback';
import { copyBytes, copyValue } from '../core/copy';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM, ENOTSUPP } from '../core/errno';
import { lock, unlock } from '../core/lock';
import { roundUp8, setOp, valuePointer, valueRegion } from '../core/map';
import { heap_alloc, heap_free } from '../core/memory';
import {
  W_LANES,
  W_STRIDE,
  W_KEY,
  W_VALUE,
  W_NODES,
  W_FRESH,
  W_END,
  W_FREE,
  W_FREE_TAIL,
  W_BUCKETS,
  W_MASK,
  W_TABLES,
  W_ORDER,
  W_TABLE_COUNT,
  W_TABLE_SIZE,
  W_RULE,
  W_NEW_MASK,
  W_SEQUENCE,
  N_NEXT,
  N_HASH,
  N_TABLE,
  N_SEQUENCE,
  N_LANES,
  T_BEST,
  T_RULES,
  T_MASKS,
  RANGE,
  K_TYPE,
  K_PRIORITY,
  TYPE_RULE,
  TYPE_MATCH,
  laneOf,
  readPacket,
  readRule,
  sameRule,
  covers,
} from '../core/wildcard-lanes';
import {
  LINEAR,
  hashOf,
  bucketOf,
  tableAt,
  fits,
  makeTable,
  reorder,
  dropTable,
  chooseTable,
  MAX_TABLES,
} from '../core/wildcard-tables';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST } from '../core/uapi';

/** Rules of one table behind one hash from which on a table with more bits is made. */
const CROWDED: u32 = 8;
const RESERVE: u64 = 0x20000000;

export function wildcard_create(map: u32): i32 {
  const descriptor = load<u32>(map, M_DESCRIPTOR);
  if (descriptor == 0) return <i32>EINVAL;
  if ((load<u32>(map, M_FLAGS) & BPF_F_NO_PREALLOC) == 0) return <i32>ENOTSUPP;
  if (load<u64>(map, M_EXTRA) > LINEAR) return <i32>EINVAL;
  const lanes = load<u32>(descriptor);
  const key = N_LANES + (lanes << 4);
  const value = key + roundUp8(load<u32>(map, M_KEY_SIZE));
  const stride = (value + roundUp8(load<u32>(map, M_VALUE_SIZE)) + 15) & ~15;
  const entries = load<u32>(map, M_MAX_ENTRIES);
  const size = <u64>stride * entries;
  if (size > RESERVE) return <i32>E2BIG;
  store<u32>(map, lanes, W_LANES);
  store<u32>(map, key, W_KEY);
  store<u32>(map, value, W_VALUE);
  store<u32>(map, stride, W_STRIDE);
  store<u32>(map, T_MASKS + (lanes << 3), W_TABLE_SIZE);
  const buckets = entries <= 1 ? 1 : (<u32>1) << (32 - clz<u32>(entries - 1));
  store<u32>(map, buckets - 1, W_MASK);
  if (!allocate(map, buckets, <u32>size)) {
    release(map);
    return <i32>ENOMEM;
  }
  setOp(map, OP_LOOKUP, wildcard_lookup.index);
  setOp(map, OP_UPDATE, wildcard_update.index);
  setOp(map, OP_DELETE, wildcard_delete.index);
  setOp(map, OP_NEXT_KEY, wildcard_next_key.index);
  setOp(map, OP_FREE, wildcard_free.index);
  setOp(map, OP_SYS_LOOKUP, wildcard_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, wildcard_sys_update.index);
  setOp(map, OP_SYS_DELETE, wildcard_sys_delete.index);
  return 0;
}

function allocate(map: u32, buckets: u32, size: u32): bool {
  const lanes = load<u32>(map, W_LANES);
  const stride = load<u32>(map, W_STRIDE);
  const nodes = heap_alloc(size, 64);
  store<u32>(map, nodes, W_NODES);
  store<u32>(map, nodes, W_FRESH);
  store<u32>(map, nodes + size, W_END);
  store<u32>(map, heap_alloc(buckets << 2, 64), W_BUCKETS);
  store<u32>(map, heap_alloc(MAX_TABLES * load<u32>(map, W_TABLE_SIZE), 64), W_TABLES);
  store<u32>(map, heap_alloc(MAX_TABLES << 2, 64), W_ORDER);
  const rule = heap_alloc(lanes * 24, 16);
  store<u32>(map, rule, W_RULE);
  store<u32>(map, rule + (lanes << 4), W_NEW_MASK);
  if (nodes == 0 || rule == 0 || load<u32>(map, W_BUCKETS) == 0) return false;
  if (load<u32>(map, W_TABLES) == 0 || load<u32>(map, W_ORDER) == 0) return false;
  const value = load<u32>(map, W_VALUE);
  return valueRegion(map, nodes + value, nodes + size, stride, load<u32>(map, M_VALUE_SIZE));
}

function release(map: u32): void {
  heap_free(load<u32>(map, W_NODES));
  heap_free(load<u32>(map, W_BUCKETS));
  heap_free(load<u32>(map, W_TABLES));
  heap_free(load<u32>(map, W_ORDER));
  heap_free(load<u32>(map, W_RULE));
}

export function wildcard_free(map: u32): void {
  release(map);
  heap_free(load<u32>(map, M_DESCRIPTOR));
}

// ---- Nodes ------------------------------------------------------------------------------------

/** @inline */
function priorityOf(map: u32, node: u32): u32 {
  return load<u32>(node + load<u32>(map, W_KEY), K_PRIORITY);
}

/** A node, or 0. Never used ones first: programs may still read what was freed. */
function takeNode(map: u32): u32 {
  const fresh = load<u32>(map, W_FRESH);
  if (fresh < load<u32>(map, W_END)) {
    store<u32>(map, fresh + load<u32>(map, W_STRIDE), W_FRESH);
    return fresh;
  }
  const node = load<u32>(map, W_FREE);
  if (node != 0) {
    store<u32>(map, load<u32>(node, N_NEXT), W_FREE);
    if (load<u32>(node, N_NEXT) == 0) store<u32>(map, 0, W_FREE_TAIL);
  }
  return node;
}

function giveNode(map: u32, node: u32): void {
  const tail = load<u32>(map, W_FREE_TAIL);
  store<u32>(node, 0, N_NEXT);
  store<u32>(node, 0, N_TABLE);
  store<u32>(map, node, W_FREE_TAIL);
  if (tail != 0) store<u32>(tail, node, N_NEXT);
  else store<u32>(map, node, W_FREE);
}

/** Puts a node into its chain, behind those with a lower number or the same but older. */
function hook(map: u32, node: u32, table: u32): void {
  const hash = hashOf(map, table, node + N_LANES, 16);
  store<u32>(node, table, N_TABLE);
  store<u32>(node, hash, N_HASH);
  const priority = priorityOf(map, node);
  let link = bucketOf(map, hash);
  for (let next = load<u32>(link); next != 0; next = load<u32>(link)) {
    const other = priorityOf(map, next);
    const isOlder = load<u32>(next, N_SEQUENCE) < load<u32>(node, N_SEQUENCE);
    if (other > priority || (other == priority && !isOlder)) break;
    link = next + N_NEXT;
  }
  store<u32>(node, load<u32>(link), N_NEXT);
  store<u32>(link, node);
  store<u32>(table, load<u32>(table, T_RULES) + 1, T_RULES);
  if (priority < load<u32>(table, T_BEST)) {
    store<u32>(table, priority, T_BEST);
    reorder(map, table);
  }
}

/** Takes a node out of its chain and table. What the table's best is stays a bound. */
function unhook(map: u32, node: u32): void {
  let link = bucketOf(map, load<u32>(node, N_HASH));
  while (load<u32>(link) != node) link = load<u32>(link) + N_NEXT;
  store<u32>(link, load<u32>(node, N_NEXT));
  const table = load<u32>(node, N_TABLE);
  const left = load<u32>(table, T_RULES) - 1;
  store<u32>(table, left, T_RULES);
  if (left == 0) dropTable(map, table);
}

/** Rules of the node's table behind its hash. */
function crowd(map: u32, node: u32): u32 {
  const hash = load<u32>(node, N_HASH);
  const table = load<u32>(node, N_TABLE);
  let count: u32 = 0;
  for (let at = load<u32>(bucketOf(map, hash)); at != 0; at = load<u32>(at, N_NEXT)) {
    if (load<u32>(at, N_HASH) == hash && load<u32>(at, N_TABLE) == table) count++;
  }
  return count;
}

/**
 * Too many rules behind one hash: those that have all the bits of the last one move to a table that
 * hashes all of them, unless there is none to gain.
 */
function divide(map: u32, node: u32): void {
  const count = load<u32>(map, W_LANES);
  const old = load<u32>(node, N_TABLE);
  const hash = load<u32>(node, N_HASH);
  let gains = false;
  for (let i: u32 = 0; i < count; i++) {
    const isRange = load<u32>(laneOf(map, i)) == RANGE;
    const mask: u64 = isRange ? 0 : load<u64>(node + N_LANES + (i << 4), 8);
    if (mask != load<u64>(old + (i << 3), T_MASKS)) gains = true;
    store<u64>(load<u32>(map, W_NEW_MASK) + (i << 3), mask);
  }
  if (!gains) return;
  const table = tableLike(map);
  if (table == 0 || table == old) return;
  let at = load<u32>(bucketOf(map, hash));
  while (at != 0) {
    const next = load<u32>(at, N_NEXT);
    if (load<u32>(at, N_HASH) == hash && load<u32>(at, N_TABLE) == old && has(map, at, table)) {
      unhook(map, at);
      hook(map, at, table);
    }
    at = next;
  }
}

/** The table with exactly the bits in W_NEW_MASK, made if need be. */
function tableLike(map: u32): u32 {
  const bytes = load<u32>(map, W_LANES) << 3;
  const wanted = load<u32>(map, W_NEW_MASK);
  const count = load<u32>(map, W_TABLE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const masks = tableAt(map, i) + T_MASKS;
    let same = true;
    for (let at: u32 = 0; at < bytes; at += 8) {
      same = same && load<u64>(masks + at) == load<u64>(wanted + at);
    }
    if (same) return tableAt(map, i);
  }
  return makeTable(map);
}

/** Has the rule of a node all bits of a table? */
function has(map: u32, node: u32, table: u32): bool {
  const count = load<u32>(map, W_LANES);
  for (let i: u32 = 0; i < count; i++) {
    const mask = load<u64>(table + (i << 3), T_MASKS);
    if (mask != 0 && (load<u64>(node + N_LANES + (i << 4), 8) & mask) != mask) return false;
  }
  return true;
}

/** The node with the rule in W_RULE and that priority, or 0. */
function findRule(map: u32, priority: u32): u32 {
  const count = load<u32>(map, W_TABLE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const table = tableAt(map, i);
    if (!fits(map, table)) continue;
    const hash = hashOf(map, table, load<u32>(map, W_RULE), 16);
    for (let at = load<u32>(bucketOf(map, hash)); at != 0; at = load<u32>(at, N_NEXT)) {
      if (load<u32>(at, N_HASH) != hash || load<u32>(at, N_TABLE) != table) continue;
      if (priorityOf(map, at) == priority && sameRule(map, at)) return at;
    }
  }
  return 0;
}

/** The best rule that covers the packet with these numbers, or 0. */
function classify(map: u32, packet: u32): u32 {
  const lanes = load<u32>(map, W_LANES);
  const tables = load<u32>(map, W_TABLE_COUNT);
  let found: u32 = 0;
  let best: u32 = u32.MAX_VALUE;
  for (let i: u32 = 0; i < tables; i++) {
    const table = tableAt(map, i);
    if (found != 0 && load<u32>(table, T_BEST) > best) break;
    const hash = hashOf(map, table, packet, 8);
    for (let at = load<u32>(bucketOf(map, hash)); at != 0; at = load<u32>(at, N_NEXT)) {
      if (load<u32>(at, N_HASH) != hash || load<u32>(at, N_TABLE) != table) continue;
      const priority = priorityOf(map, at);
      if (found != 0 && priority > best) break;
      if (!covers(map, at, packet, lanes)) continue;
      const isOlder =
        found == 0 || priority < best || load<u32>(at, N_SEQUENCE) < load<u32>(found, N_SEQUENCE);
      if (isOlder) found = at;
      best = priority;
      break;
    }
  }
  return found;
}

function search(map: u32, key: u32): u32 {
  const type = load<u32>(key, K_TYPE);
  if (type == TYPE_RULE) {
    lock(map + M_LOCK);
    const rule = readRule(map, key) ? findRule(map, load<u32>(key, K_PRIORITY)) : 0;
    unlock(map + M_LOCK);
    return rule;
  }
  if (type != TYPE_MATCH) return 0;
  const top = stackTop();
  const packet = stackReserve(load<u32>(map, W_LANES) << 3);
  readPacket(map, key, packet);
  if (SHARED) lock(map + M_LOCK);
  const found = classify(map, packet);
  if (SHARED) unlock(map + M_LOCK);
  stackRestore(top);
  return found;
}

// ---- Operations -------------------------------------------------------------------------------

export function wildcard_lookup(map: u32, key: u32): u64 {
  const node = search(map, key);
  return node == 0 ? 0 : valuePointer(map, node + load<u32>(map, W_VALUE));
}

export function wildcard_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  if (load<u32>(key, K_TYPE) != TYPE_RULE || flags > BPF_EXIST) return EINVAL;
  lock(map + M_LOCK);
  const error = readRule(map, key) ? put(map, key, value, flags) : EINVAL;
  unlock(map + M_LOCK);
  return error;
}

function put(map: u32, key: u32, value: u32, flags: u64): i64 {
  const known = findRule(map, load<u32>(key, K_PRIORITY));
  if (known != 0) {
    if (flags == BPF_NOEXIST) return EEXIST;
    copyValue(map, known + load<u32>(map, W_VALUE), value);
    return 0;
  }
  if (flags == BPF_EXIST) return ENOENT;
  if (load<u32>(map, M_COUNT) == load<u32>(map, M_MAX_ENTRIES)) return E2BIG;
  const node = takeNode(map);
  if (node == 0) return ENOMEM;
  const table = chooseTable(map, key);
  if (table == 0) {
    giveNode(map, node);
    return ENOMEM;
  }
  const sequence = load<u32>(map, W_SEQUENCE) + 1;
  store<u32>(map, sequence, W_SEQUENCE);
  store<u32>(node, sequence, N_SEQUENCE);
  copyBytes(node + N_LANES, load<u32>(map, W_RULE), load<u32>(map, W_LANES) << 4);
  copyBytes(node + load<u32>(map, W_KEY), key, load<u32>(map, M_KEY_SIZE));
  copyValue(map, node + load<u32>(map, W_VALUE), value);
  hook(map, node, table);
  store<u32>(map, load<u32>(map, M_COUNT) + 1, M_COUNT);
  if (load<u64>(map, M_EXTRA) != LINEAR && crowd(map, node) > CROWDED) divide(map, node);
  return 0;
}

export function wildcard_delete(map: u32, key: u32): i64 {
  if (load<u32>(key, K_TYPE) != TYPE_RULE) return EINVAL;
  lock(map + M_LOCK);
  const node = readRule(map, key) ? findRule(map, load<u32>(key, K_PRIORITY)) : 0;
  if (node != 0) {
    unhook(map, node);
    giveNode(map, node);
    store<u32>(map, load<u32>(map, M_COUNT) - 1, M_COUNT);
  }
  unlock(map + M_LOCK);
  return node == 0 ? ENOENT : 0;
}

/** Rules in the order of their nodes; an unknown one starts over. */
export function wildcard_next_key(map: u32, key: u32, next: u32): i32 {
  let node = load<u32>(map, W_NODES);
  if (key != 0) {
    const known = search(map, key);
    if (known != 0) node = known + load<u32>(map, W_STRIDE);
  }
  const fresh = load<u32>(map, W_FRESH);
  while (node < fresh && load<u32>(node, N_TABLE) == 0) node += load<u32>(map, W_STRIDE);
  if (node >= fresh) return <i32>ENOENT;
  copyBytes(next, node + load<u32>(map, W_KEY), load<u32>(map, M_KEY_SIZE));
  return 0;
}

export function wildcard_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  if (load<u32>(key, K_TYPE) > TYPE_MATCH) return <i32>EINVAL;
  const node = search(map, key);
  if (node == 0) return <i32>ENOENT;
  copyValue(map, out, node + load<u32>(map, W_VALUE));
  return 0;
}

export function wildcard_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>wildcard_update(map, key, value, flags);
}

export function wildcard_sys_delete(map: u32, key: u32): i32 {
  return <i32>wildcard_delete(map, key);
}
