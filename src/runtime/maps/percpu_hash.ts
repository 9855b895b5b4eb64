/** BPF_MAP_TYPE_PERCPU_HASH (kernel/bpf/hashtab.c). */
import {
  M_CPU_STRIDE,
  M_KEY_SIZE,
  M_VALUES,
  OP_DELETE,
  OP_FOR_EACH,
  OP_FREE,
  OP_LOOKUP,
  OP_LOOKUP_PERCPU,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_LOOKUP_AND_DELETE,
  OP_SYS_UPDATE,
  OP_UPDATE,
  PERCPU_HASH_HOME,
  PERCPU_HASH_KEY,
} from '../layout';
import { copyBytes } from '../core/copy';
import { EINVAL, ENOENT, ENOMEM } from '../core/errno';
import {
  countChange,
  existsCheck,
  hashCreate,
  hashDelete,
  hashForEach,
  hashNextKey,
  hashRelease,
  noNode,
  percpuValues,
  takeHome,
  takeNode,
  unusedNode,
  valueAt,
} from '../core/hash';
import {
  bucketOf,
  findLocked,
  findNode,
  findNode16,
  findNode4,
  findNode8,
  hashOf,
  linkNode,
  lockOf,
} from '../core/hash-chains';
import { lock, unlock } from '../core/lock';
import { cpuCount, setOp, valuePointer } from '../core/map';
import { heap_free } from '../core/memory';
import { percpuCopyIn, percpuCopyOut, percpuInit, percpuSet } from '../core/percpu';
import { BPF_EXIST } from '../core/uapi';

/** Node: next, hash, address of CPU 0's value, key. */
const HOME: u32 = PERCPU_HASH_HOME;
const KEY: u32 = PERCPU_HASH_KEY;

export function percpu_hash_create(map: u32): i32 {
  const error = hashCreate(map, KEY, 0, 0);
  if (error != 0) return error;
  setOp(map, OP_LOOKUP, percpu_hash_lookup.index);
  setOp(map, OP_LOOKUP_PERCPU, percpu_hash_lookup_percpu.index);
  setOp(map, OP_UPDATE, percpu_hash_update.index);
  setOp(map, OP_DELETE, percpu_hash_delete.index);
  setOp(map, OP_NEXT_KEY, percpu_hash_next_key.index);
  setOp(map, OP_FOR_EACH, percpu_hash_for_each.index);
  setOp(map, OP_FREE, percpu_hash_free.index);
  setOp(map, OP_SYS_LOOKUP, percpu_hash_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, percpu_hash_sys_update.index);
  setOp(map, OP_SYS_DELETE, percpu_hash_sys_delete.index);
  setOp(map, OP_SYS_LOOKUP_AND_DELETE, percpu_hash_sys_lookup_and_delete.index);
  return percpuValues(map);
}

export function percpu_hash_free(map: u32): void {
  hashRelease(map);
  heap_free(load<u32>(map, M_VALUES));
}

export function percpu_hash_lookup(map: u32, key: u32): u64 {
  return pointerTo(map, findNode(map, key, KEY));
}

export function percpu_hash_lookup_4(map: u32, key: u32): u64 {
  return pointerTo(map, findNode4(map, key, KEY));
}

export function percpu_hash_lookup_8(map: u32, key: u32): u64 {
  return pointerTo(map, findNode8(map, key, KEY));
}

export function percpu_hash_lookup_16(map: u32, key: u32): u64 {
  return pointerTo(map, findNode16(map, key, KEY));
}

/** @inline */
function pointerTo(map: u32, node: u32): u64 {
  return node == 0 ? 0 : valuePointer(map, valueAt(map, node, HOME));
}

export function percpu_hash_lookup_percpu(map: u32, key: u32, cpu: u32): u64 {
  if (cpu >= cpuCount()) return 0;
  const node = findNode(map, key, KEY);
  if (node == 0) return 0;
  return valuePointer(map, load<u32>(node, HOME) + cpu * load<u32>(map, M_CPU_STRIDE));
}

/** Writes this CPU's value, or (`all`) every CPU's from consecutive 8-byte-rounded copies. */
function update(map: u32, key: u32, value: u32, flags: u64, all: bool): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  const hash = hashOf(map, key);
  const word = lockOf(map, hash);
  lock(word);
  const error = put(map, key, value, flags, hash, all);
  unlock(word);
  return error;
}

function put(map: u32, key: u32, value: u32, flags: u64, hash: u32, all: bool): i64 {
  const old = findLocked(map, key, hash, KEY);
  const error = existsCheck(old, flags);
  if (error != 0) return error;
  if (old != 0) {
    if (all) percpuCopyIn(map, load<u32>(old, HOME), value);
    else percpuSet(map, load<u32>(old, HOME), value);
    return 0;
  }
  const node = takeNode(map);
  if (node == 0) return noNode(map);
  const home = takeHome(map, node);
  if (home == 0) {
    unusedNode(map, node);
    return ENOMEM;
  }
  store<u32>(node, home, HOME);
  copyBytes(node + KEY, key, load<u32>(map, M_KEY_SIZE));
  if (all) percpuCopyIn(map, home, value);
  else percpuInit(map, home, value);
  linkNode(bucketOf(map, hash), node, hash);
  countChange(map, 1);
  return 0;
}

export function percpu_hash_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, value, flags, false);
}

export function percpu_hash_delete(map: u32, key: u32): i64 {
  return hashDelete(map, key, KEY);
}

export function percpu_hash_next_key(map: u32, key: u32, next: u32): i32 {
  return hashNextKey(map, key, next, KEY);
}

export function percpu_hash_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  return hashForEach(map, slot, ctx, flags, KEY, HOME);
}

export function percpu_hash_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = findNode(map, key, KEY);
  if (node == 0) return <i32>ENOENT;
  percpuCopyOut(map, load<u32>(node, HOME), out);
  return 0;
}

export function percpu_hash_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>update(map, key, value, flags, true);
}

export function percpu_hash_sys_delete(map: u32, key: u32): i32 {
  return <i32>percpu_hash_delete(map, key);
}

export function percpu_hash_sys_lookup_and_delete(map: u32, key: u32, out: u32, flags: u32): i32 {
  const error = percpu_hash_sys_lookup(map, key, out, flags);
  return error != 0 ? error : percpu_hash_sys_delete(map, key);
}
