/** Tables of a wildcard map (see maps/wildcard.ts): ways to mask its fields, and their order. */
import { M_EXTRA } from '../layout';
import { copyBytes } from './copy';
import {
  W_LANES,
  W_BUCKETS,
  W_MASK,
  W_TABLES,
  W_ORDER,
  W_TABLE_COUNT,
  W_TABLE_SIZE,
  W_RULE,
  W_NEW_MASK,
  T_BEST,
  T_RULES,
  T_SEED,
  T_MASKS,
  PREFIX,
  RANGE,
  K_FIELDS,
  laneOf,
  maskOf,
} from './wildcard-lanes';

export const MAX_TABLES: u32 = 1024;
export const LINEAR: u64 = 1;

/** @inline */
export function mix(state: u64, value: u64): u64 {
  const product = (state ^ value) * 0x9e3779b97f4a7c15;
  return product ^ (product >> 29);
}

/** Hash of what a table's masks leave of numbers that lie `step` bytes apart. */
export function hashOf(map: u32, table: u32, numbers: u32, step: u32): u32 {
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
export function bucketOf(map: u32, hash: u32): u32 {
  return load<u32>(map, W_BUCKETS) + ((hash & load<u32>(map, W_MASK)) << 2);
}

/** @inline */
export function tableAt(map: u32, place: u32): u32 {
  return load<u32>(load<u32>(map, W_ORDER) + (place << 2));
}

/** May the rule in W_RULE lie in that table: has it all bits that the table hashes? */
export function fits(map: u32, table: u32): bool {
  const count = load<u32>(map, W_LANES);
  const rule = load<u32>(map, W_RULE);
  for (let i: u32 = 0; i < count; i++) {
    const mask = load<u64>(table + (i << 3), T_MASKS);
    if (mask != 0 && (load<u64>(rule + (i << 4), 8) & mask) != mask) return false;
  }
  return true;
}

/** Would a rule lose too much in that table: it says something of a field the table leaves out? */
export function suits(map: u32, table: u32): bool {
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
export function planTable(map: u32, key: u32): void {
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
export function makeTable(map: u32): u32 {
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
export function reorder(map: u32, table: u32): void {
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

export function dropTable(map: u32, table: u32): void {
  const order = load<u32>(map, W_ORDER);
  const count = load<u32>(map, W_TABLE_COUNT) - 1;
  let at: u32 = 0;
  while (load<u32>(order + (at << 2)) != table) at++;
  for (; at < count; at++) store<u32>(order + (at << 2), tableAt(map, at + 1));
  store<u32>(map, count, W_TABLE_COUNT);
}

/** Bits that a table hashes. */
export function bitsOf(map: u32, table: u32): u32 {
  const bytes = load<u32>(map, W_LANES) << 3;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < bytes; i += 8) bits += <u32>popcnt<u64>(load<u64>(table + i, T_MASKS));
  return bits;
}

/** The table for the rule in W_RULE: of those that suit it the one with most bits, or a new one. */
export function chooseTable(map: u32, key: u32): u32 {
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
