/**
 * BPF_MAP_TYPE_STACK_TRACE (kernel/bpf/stackmap.c): stacks by the hash of their addresses. An
 * element is {u32 next free, u32 hash, u32 number of addresses, -} and its data.
 */
import {
  BPF_F_FAST_STACK_CMP,
  BPF_F_REUSE_STACKID,
  BPF_F_STACK_BUILD_ID,
} from '../../abi/generated/6.12/constants';
import {
  M_FLAGS,
  M_LOCK,
  M_MAX_ENTRIES,
  M_PRIVATE,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { sameBytes } from '../core/copy';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from '../core/errno';
import { JHASH_INITVAL, jhash } from '../core/jhash';
import { lock, unlock } from '../core/lock';
import { setOp } from '../core/map';
import { heap_alloc, heap_free } from '../core/memory';

const BUCKETS = M_PRIVATE;
const MASK = M_PRIVATE + 4;
const ELEMENTS = M_PRIVATE + 8;
const FREE = M_PRIVATE + 12;
/** perf_event_max_stack. */
const MAX_DEPTH: u32 = 127;
const BUILD_ID: u32 = 32;

const E_HASH: u32 = 4;
const E_COUNT: u32 = 8;
const E_DATA: u32 = 16;

/** BPF_STACK_BUILD_ID_IP: the address, as nobody knows the file it is in. */
const STATUS_ADDRESS: u32 = 2;

/** Bytes of an address in a value. */
function step(map: u32): u32 {
  return load<u32>(map, M_FLAGS) & BPF_F_STACK_BUILD_ID ? BUILD_ID : 8;
}

export function stack_trace_create(map: u32): i32 {
  const entries = load<u32>(map, M_MAX_ENTRIES);
  const size = load<u32>(map, M_VALUE_SIZE);
  if (size % step(map) != 0 || size / step(map) > MAX_DEPTH) return <i32>EINVAL;
  const buckets: u32 = entries <= 1 ? 1 : (<u32>1) << (32 - clz<u32>(entries - 1));
  const all = <u64>(E_DATA + size) * entries;
  if (all > 0xe0000000 || <u64>buckets * 4 > 0xe0000000) return <i32>ENOMEM;
  const table = heap_alloc(buckets << 2, 16);
  const elements: u32 = table == 0 ? 0 : heap_alloc(<u32>all, 16);
  if (elements == 0) {
    heap_free(table);
    return <i32>ENOMEM;
  }
  store<u32>(map, table, BUCKETS);
  store<u32>(map, buckets - 1, MASK);
  store<u32>(map, elements, ELEMENTS);
  for (let i: u32 = entries; i != 0; i--) give(map, elements + (i - 1) * (E_DATA + size));
  setOp(map, OP_DELETE, stack_trace_delete.index);
  setOp(map, OP_NEXT_KEY, stack_trace_next_key.index);
  setOp(map, OP_FREE, stack_trace_free.index);
  setOp(map, OP_SYS_LOOKUP, stack_trace_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, stack_trace_sys_update.index);
  setOp(map, OP_SYS_DELETE, stack_trace_sys_delete.index);
  return 0;
}

export function stack_trace_free(map: u32): void {
  heap_free(load<u32>(map, BUCKETS));
  heap_free(load<u32>(map, ELEMENTS));
}

function give(map: u32, element: u32): void {
  store<u32>(element, load<u32>(map, FREE));
  store<u32>(map, element, FREE);
}

/** @inline */
function bucket(map: u32, id: u32): u32 {
  return load<u32>(map, BUCKETS) + (id << 2);
}

/** The element of an id, or 0. */
function find(map: u32, id: u32): u32 {
  return id > load<u32>(map, MASK) ? 0 : load<u32>(bucket(map, id));
}

export function stack_trace_delete(map: u32, key: u32): i64 {
  const id = load<u32>(key);
  if (id > load<u32>(map, MASK)) return E2BIG;
  lock(map + M_LOCK);
  const element = find(map, id);
  if (element != 0) {
    store<u32>(bucket(map, id), 0);
    give(map, element);
  }
  unlock(map + M_LOCK);
  return element == 0 ? ENOENT : 0;
}

export function stack_trace_next_key(map: u32, key: u32, next: u32): i32 {
  let id: u32 = 0;
  if (key != 0 && find(map, load<u32>(key)) != 0) id = load<u32>(key) + 1;
  while (id <= load<u32>(map, MASK)) {
    if (load<u32>(bucket(map, id)) != 0) {
      store<u32>(next, id);
      return 0;
    }
    id++;
  }
  return <i32>ENOENT;
}

export function stack_trace_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const element = find(map, load<u32>(key));
  if (element == 0) return <i32>ENOENT;
  const used = load<u32>(element, E_COUNT) * step(map);
  memory.copy(out, element + E_DATA, used);
  memory.fill(out + used, 0, load<u32>(map, M_VALUE_SIZE) - used);
  return 0;
}

export function stack_trace_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>EINVAL;
}

export function stack_trace_sys_delete(map: u32, key: u32): i32 {
  return <i32>stack_trace_delete(map, key);
}

/** Most addresses a value holds. */
export function stackDepth(map: u32): u32 {
  return load<u32>(map, M_VALUE_SIZE) / step(map);
}

/** The id of `count` addresses at `addresses`, put into the map if they are not there. */
export function stackPut(map: u32, addresses: u32, count: u32, flags: u64): i64 {
  lock(map + M_LOCK);
  const result = put(map, addresses, count, flags);
  unlock(map + M_LOCK);
  return result;
}

function put(map: u32, addresses: u32, count: u32, flags: u64): i64 {
  const length = count << 3;
  const hash = jhash(addresses, length, JHASH_INITVAL + length);
  const id = hash & load<u32>(map, MASK);
  const old = find(map, id);
  const sameHash = old != 0 && load<u32>(old, E_HASH) == hash;
  if (sameHash && flags & BPF_F_FAST_STACK_CMP) return id;
  const typed = step(map) == BUILD_ID;
  if (!typed && isSame(map, old, sameHash, addresses, count)) return id;
  if (!typed && old != 0 && !(flags & BPF_F_REUSE_STACKID)) return EEXIST;
  const element = load<u32>(map, FREE);
  if (element == 0) return ENOMEM;
  store<u32>(map, load<u32>(element), FREE);
  fill(map, element, addresses, count, hash);
  if (typed && old != 0) {
    const same = isSame(map, old, sameHash, element + E_DATA, count);
    if (same || !(flags & BPF_F_REUSE_STACKID)) {
      give(map, element);
      return same ? <i64>id : EEXIST;
    }
  }
  store<u32>(bucket(map, id), element);
  if (old != 0) give(map, old);
  return id;
}

function isSame(map: u32, element: u32, sameHash: bool, data: u32, count: u32): bool {
  if (!sameHash || load<u32>(element, E_COUNT) != count) return false;
  return sameBytes(element + E_DATA, data, count * step(map));
}

function fill(map: u32, element: u32, addresses: u32, count: u32, hash: u32): void {
  store<u32>(element, hash, E_HASH);
  store<u32>(element, count, E_COUNT);
  const to = element + E_DATA;
  if (step(map) == 8) {
    memory.copy(to, addresses, count << 3);
    return;
  }
  memory.fill(to, 0, count * BUILD_ID);
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(to + i * BUILD_ID, STATUS_ADDRESS);
    store<u64>(to + i * BUILD_ID, load<u64>(addresses + (i << 3)), 24);
  }
}
