/**
 * Lanes of a wildcard map (see maps/wildcard.ts): its fields as numbers of up to 64 bits. And where
 * things lie in its header, its nodes, its tables and its descriptor.
 */
import { M_DESCRIPTOR, M_PRIVATE } from '../layout';

export const W_LANES = M_PRIVATE;
export const W_STRIDE = M_PRIVATE + 4;
export const W_KEY = M_PRIVATE + 8;
export const W_VALUE = M_PRIVATE + 12;
export const W_NODES = M_PRIVATE + 16;
export const W_FRESH = M_PRIVATE + 20;
export const W_END = M_PRIVATE + 24;
/** Freed nodes, first in first out, linked through `next`. */
export const W_FREE = M_PRIVATE + 28;
export const W_FREE_TAIL = M_PRIVATE + 32;
export const W_BUCKETS = M_PRIVATE + 36;
export const W_MASK = M_PRIVATE + 40;
/** Table records, and u32 addresses of those in use in order of their best priority. */
export const W_TABLES = M_PRIVATE + 44;
export const W_ORDER = M_PRIVATE + 48;
export const W_TABLE_COUNT = M_PRIVATE + 52;
export const W_TABLE_SIZE = M_PRIVATE + 56;
/** Room for the lanes of the rule that is worked on, and for the mask of a new table. */
export const W_RULE = M_PRIVATE + 60;
export const W_NEW_MASK = M_PRIVATE + 64;
export const W_SEQUENCE = M_PRIVATE + 68;

export const N_NEXT: u32 = 0;
export const N_HASH: u32 = 4;
export const N_TABLE: u32 = 8;
export const N_SEQUENCE: u32 = 12;
export const N_LANES: u32 = 16;

export const T_BEST: u32 = 0;
export const T_RULES: u32 = 4;
export const T_SEED: u32 = 8;
export const T_MASKS: u32 = 16;

/** Words of the descriptor. */
export const LANE_WORDS: u32 = 8;
export const PREFIX: u32 = 0;
export const RANGE: u32 = 1;
export const MATCH: u32 = 2;

export const K_TYPE: u32 = 0;
export const K_PRIORITY: u32 = 4;
export const K_FIELDS: u32 = 8;
export const TYPE_RULE: u32 = 0;
export const TYPE_MATCH: u32 = 1;

/** @inline */
export function laneOf(map: u32, lane: u32): u32 {
  return load<u32>(map, M_DESCRIPTOR) + 4 + lane * (LANE_WORDS << 2);
}

/** A number in network order. */
export function big(at: u32, size: u32): u64 {
  if (size == 4) return bswap<u32>(load<u32>(at));
  if (size == 8) return bswap<u64>(load<u64>(at));
  return size == 2 ? bswap<u16>(load<u16>(at)) : load<u8>(at);
}

/** A packet's fields as numbers, to `lanes`. */
export function readPacket(map: u32, key: u32, lanes: u32): void {
  const count = load<u32>(map, W_LANES);
  for (let i: u32 = 0; i < count; i++) {
    const lane = laneOf(map, i);
    const value = big(key + K_FIELDS + load<u32>(lane, 4), load<u32>(lane, 16));
    store<u64>(lanes + (i << 3), value);
  }
}

/** The first `prefix` bits of a field, as a mask of one of its lanes. */
export function maskOf(prefix: u32, before: u32, size: u32): u64 {
  const bits = size << 3;
  const set = prefix <= before ? 0 : min<u32>(prefix - before, bits);
  if (set == 0) return 0;
  return (u64.MAX_VALUE << (64 - set)) >> (64 - bits);
}

/** A rule's lanes to W_RULE; false if it makes no sense. */
export function readRule(map: u32, key: u32): bool {
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

export function sameRule(map: u32, node: u32): bool {
  const words = load<u32>(map, W_LANES) << 4;
  const rule = load<u32>(map, W_RULE);
  for (let i: u32 = 0; i < words; i += 8) {
    if (load<u64>(node + N_LANES + i) != load<u64>(rule + i)) return false;
  }
  return true;
}

/** Does the rule of a node cover the packet? */
export function covers(map: u32, node: u32, packet: u32, count: u32): bool {
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
