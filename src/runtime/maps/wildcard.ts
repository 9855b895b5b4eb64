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
import { stackReserve, stackRestore, stackTop } from '../core/callback';
import { copyBytes, copyValue } from '../core/copy';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM, ENOTSUPP } from '../core/errno';
import { lock, unlock } from '../core/lock';
import { roundUp8, setOp, valuePointer, valueRegion } from '../core/map';
import { heap_alloc, heap_free } from '../core/memory';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST } from '../core/uapi';

const W_LANES = M_PRIVATE;
const W_STRIDE = M_PRIVATE + 4;
const W_KEY = M_PRIVATE + 8;
const W_VALUE = M_PRIVATE + 12;
const W_NODES = M_PRIVATE + 16;
const W_FRESH = M_PRIVATE + 20;
const W_END = M_PRIVATE + 24;
/** Freed nodes, first in first out, linked through `next`. */
const W_FREE = M_PRIVATE + 28;
const W_FREE_TAIL = M_PRIVATE + 32;
const W_BUCKETS = M_PRIVATE + 36;
const W_MASK = M_PRIVATE + 40;
/** Table records, and u32 addresses of those in use in order of their best priority. */
const W_TABLES = M_PRIVATE + 44;
const W_ORDER = M_PRIVATE + 48;
const W_TABLE_COUNT = M_PRIVATE + 52;
const W_TABLE_SIZE = M_PRIVATE + 56;
/** Room for the lanes of the rule that is worked on, and for the mask of a new table. */
const W_RULE = M_PRIVATE + 60;
const W_NEW_MASK = M_PRIVATE + 64;
const W_SEQUENCE = M_PRIVATE + 68;

const N_NEXT: u32 = 0;
const N_HASH: u32 = 4;
const N_TABLE: u32 = 8;
const N_SEQUENCE: u32 = 12;
const N_LANES: u32 = 16;

const T_BEST: u32 = 0;
const T_RULES: u32 = 4;
const T_SEED: u32 = 8;
const T_MASKS: u32 = 16;

/** Words of the descriptor. */
const LANE_WORDS: u32 = 8;
const PREFIX: u32 = 0;
const RANGE: u32 = 1;
const MATCH: u32 = 2;

const K_TYPE: u32 = 0;
const K_PRIORITY: u32 = 4;
const K_FIELDS: u32 = 8;
const TYPE_RULE: u32 = 0;
const TYPE_MATCH: u32 = 1;

const MAX_TABLES: u32 = 1024;
/** Rules of one table behind one hash from which on a table with more bits is made. */
const CROWDED: u32 = 8;
const RESERVE: u64 = 0x20000000;
const LINEAR: u64 = 1;

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
  // A node more, so that a rule can be looked at before it is known whether there is room.
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

// ---- Lanes ------------------------------------------------------------------------------------

/** @inline */
function laneOf(map: u32, lane: u32): u32 {
  return load<u32>(map, M_DESCRIPTOR) + 4 + lane * (LANE_WORDS << 2);
}

/** A number in network order. */
function big(at: u32, size: u32): u64 {
  if (size == 4) return bswap<u32>(load<u32>(at));
  if (size == 8) return bswap<u64>(load<u64>(at));
  return size == 2 ? bswap<u16>(load<u16>(at)) : load<u8>(at);
}

/** A packet's fields as numbers, to `lanes`. */
function readPacket(map: u32, key: u32, lanes: u32): void {
  const count = load<u32>(map, W_LANES);
  for (let i: u32 = 0; i < count; i++) {
    const lane = laneOf(map, i);
    const value = big(key + K_FIELDS + load<u32>(lane, 4), load<u32>(lane, 16));
    store<u64>(lanes + (i << 3), value);
  }
}

/** The first `prefix` bits of a field, as a mask of one of its lanes. */
function maskOf(prefix: u32, before: u32, size: u32): u64 {
  const bits = size << 3;
  const set = prefix <= before ? 0 : min<u32>(prefix - before, bits);
  if (set == 0) return 0;
  return (u64.MAX_VALUE << (64 - set)) >> (64 - bits);
}

/** A rule's lanes to W_RULE; false if it makes no sense. */
function readRule(map: u32, key: u32): bool {
  const count = load<u32>(map, W_LANES);
  const rule = key + K_FIELDS;
  for (let i: u32 = 0; i < count; i++) {
    const lane = laneOf(map, i);
    const at = load<u32>(map, W_RULE) + (i << 4);
    const size = load<u32>(lane, 16);
    const value = big(rule + load<u32>(lane, 8), size);
    if (load<u32>(lane) == RANGE) {
      const most = big(rule + load<u32>(lane, 12), size);
      if (value > most) return false;
      store<u64>(at, value);
      store<u64>(at, most, 8);
      continue;
    }
    let mask = maskOf(size << 3, 0, size);
    if (load<u32>(lane) == PREFIX) {
      const prefix = load<u32>(rule + load<u32>(lane, 12));
      if (prefix > load<u32>(lane, 24)) return false;
      mask = maskOf(prefix, load<u32>(lane, 20), size);
    } else if (load<u32>(lane) != MATCH && value == 0) {
      mask = 0;
    }
    store<u64>(at, value & mask);
    store<u64>(at, mask, 8);
  }
  return true;
}

function sameRule(map: u32, node: u32): bool {
  const words = load<u32>(map, W_LANES) << 4;
  const rule = load<u32>(map, W_RULE);
  for (let i: u32 = 0; i < words; i += 8) {
    if (load<u64>(node + N_LANES + i) != load<u64>(rule + i)) return false;
  }
  return true;
}

/** Does the rule of a node cover the packet? */
function covers(map: u32, node: u32, packet: u32, count: u32): bool {
  let lane = load<u32>(map, M_DESCRIPTOR) + 4;
  let rule = node + N_LANES;
  for (let i: u32 = 0; i < count; i++) {
    const value = load<u64>(packet + (i << 3));
    const first = load<u64>(rule);
    const second = load<u64>(rule, 8);
    if (load<u32>(lane) == RANGE) {
      if (value < first || value > second) return false;
    } else if ((value & second) != first) {
      return false;
    }
    lane += LANE_WORDS << 2;
    rule += 16;
  }
  return true;
}

// ---- Tables -----------------------------------------------------------------------------------

/** @inline */
function mix(state: u64, value: u64): u64 {
  const product = (state ^ value) * 0x9e3779b97f4a7c15;
  return product ^ (product >> 29);
}

/** Hash of what a table's masks leave of numbers that lie `step` bytes apart. */
function hashOf(map: u32, table: u32, numbers: u32, step: u32): u32 {
  const count = load<u32>(map, W_LANES);
  let state = load<u64>(table, T_SEED);
  for (let i: u32 = 0; i < count; i++) {
    const mask = load<u64>(table + (i << 3), T_MASKS);
    if (mask != 0) state = mix(state, load<u64>(numbers) & mask);
    numbers += step;
  }
  return <u32>(state >> 32) ^ <u32>state;
}

/** @inline */
function bucketOf(map: u32, hash: u32): u32 {
  return load<u32>(map, W_BUCKETS) + ((hash & load<u32>(map, W_MASK)) << 2);
}

/** @inline */
function tableAt(map: u32, place: u32): u32 {
  return load<u32>(load<u32>(map, W_ORDER) + (place << 2));
}

/** May the rule in W_RULE lie in that table: has it all bits that the table hashes? */
function fits(map: u32, table: u32): bool {
  const count = load<u32>(map, W_LANES);
  const rule = load<u32>(map, W_RULE);
  for (let i: u32 = 0; i < count; i++) {
    const mask = load<u64>(table + (i << 3), T_MASKS);
    if (mask != 0 && (load<u64>(rule + (i << 4), 8) & mask) != mask) return false;
  }
  return true;
}

/** Would a rule lose too much in that table: it says something of a field the table leaves out? */
function suits(map: u32, table: u32): bool {
  const count = load<u32>(map, W_LANES);
  const rule = load<u32>(map, W_RULE);
  for (let i: u32 = 0; i < count; i++) {
    const lane = laneOf(map, i);
    const isFirst = load<u32>(lane, 20) == 0 && load<u32>(lane) != RANGE;
    const left = load<u64>(table + (i << 3), T_MASKS) == 0;
    if (isFirst && left && load<u64>(rule + (i << 4), 8) != 0) return false;
  }
  return true;
}

/** Bits of a new table for the rule in W_RULE: of prefixes, some are left for other rules. */
function planTable(map: u32, key: u32): void {
  const count = load<u32>(map, W_LANES);
  const linear = load<u64>(map, M_EXTRA) == LINEAR;
  for (let i: u32 = 0; i < count; i++) {
    const lane = laneOf(map, i);
    const kind = load<u32>(lane);
    let mask: u64 = load<u64>(load<u32>(map, W_RULE) + (i << 4), 8);
    if (linear || kind == RANGE) mask = 0;
    else if (kind == PREFIX) {
      const prefix = load<u32>(key + K_FIELDS + load<u32>(lane, 12));
      mask = maskOf(prefix - (prefix >> 3), load<u32>(lane, 20), load<u32>(lane, 16));
    }
    store<u64>(load<u32>(map, W_NEW_MASK) + (i << 3), mask);
  }
}

/** A table with the bits in W_NEW_MASK, or 0 if there are too many. */
function makeTable(map: u32): u32 {
  const count = load<u32>(map, W_TABLE_COUNT);
  if (count == MAX_TABLES) return 0;
  const size = load<u32>(map, W_TABLE_SIZE);
  let table = load<u32>(map, W_TABLES);
  while (load<u32>(table, T_RULES) != 0) table += size;
  store<u32>(table, u32.MAX_VALUE, T_BEST);
  store<u64>(table, mix(0x6265657961726421, <u64>table), T_SEED);
  copyBytes(table + T_MASKS, load<u32>(map, W_NEW_MASK), load<u32>(map, W_LANES) << 3);
  store<u32>(load<u32>(map, W_ORDER) + (count << 2), table);
  store<u32>(map, count + 1, W_TABLE_COUNT);
  return table;
}

/** Puts a table where its best priority belongs. */
function reorder(map: u32, table: u32): void {
  const order = load<u32>(map, W_ORDER);
  const count = load<u32>(map, W_TABLE_COUNT);
  let at: u32 = 0;
  while (load<u32>(order + (at << 2)) != table) at++;
  const best = load<u32>(table, T_BEST);
  for (; at > 0 && load<u32>(tableAt(map, at - 1), T_BEST) > best; at--) {
    store<u32>(order + (at << 2), tableAt(map, at - 1));
  }
  for (; at + 1 < count && load<u32>(tableAt(map, at + 1), T_BEST) < best; at++) {
    store<u32>(order + (at << 2), tableAt(map, at + 1));
  }
  store<u32>(order + (at << 2), table);
}

function dropTable(map: u32, table: u32): void {
  const order = load<u32>(map, W_ORDER);
  const count = load<u32>(map, W_TABLE_COUNT) - 1;
  let at: u32 = 0;
  while (load<u32>(order + (at << 2)) != table) at++;
  for (; at < count; at++) store<u32>(order + (at << 2), tableAt(map, at + 1));
  store<u32>(map, count, W_TABLE_COUNT);
}

/** Bits that a table hashes. */
function bitsOf(map: u32, table: u32): u32 {
  const bytes = load<u32>(map, W_LANES) << 3;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < bytes; i += 8) bits += <u32>popcnt<u64>(load<u64>(table + i, T_MASKS));
  return bits;
}

/** The table for the rule in W_RULE: of those that suit it the one with most bits, or a new one. */
function chooseTable(map: u32, key: u32): u32 {
  const count = load<u32>(map, W_TABLE_COUNT);
  let found: u32 = 0;
  let most: i32 = -1;
  for (let i: u32 = 0; i < count; i++) {
    const table = tableAt(map, i);
    if (!fits(map, table) || !suits(map, table)) continue;
    const bits = <i32>bitsOf(map, table);
    if (bits > most) {
      most = bits;
      found = table;
    }
  }
  if (found != 0) return found;
  if (load<u64>(map, M_EXTRA) == LINEAR && count > 0) return tableAt(map, 0);
  planTable(map, key);
  const made = makeTable(map);
  if (made != 0) return made;
  for (let i: u32 = 0; i < count; i++) if (fits(map, tableAt(map, i))) return tableAt(map, i);
  return 0;
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
