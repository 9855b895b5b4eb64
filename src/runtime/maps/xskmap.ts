/**
 * BPF_MAP_TYPE_XSKMAP (net/xdp/xskmap.c). The word of an entry is the machine's handle of an AF_XDP
 * socket. A program sees that there is one, but cannot read it (bpf_xdp_sock is not implemented).
 */
import {
  META_ENTRIES,
  M_MAX_ENTRIES,
  M_META,
  M_VALUES,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_REDIRECT,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { E2BIG, EBADF, EEXIST, EINVAL, ENOENT, EOPNOTSUPP } from '../core/errno';
import { handleOf, setOp } from '../core/map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectEntry } from '../core/object-array';
import { redirectTo } from '../core/redirect';
import { BPF_EXIST, BPF_NOEXIST } from '../core/uapi';

export function xskmap_create(map: u32): i32 {
  store<u32>(map, META_ENTRIES, M_META);
  setOp(map, OP_LOOKUP, xskmap_lookup.index);
  setOp(map, OP_DELETE, xskmap_delete.index);
  setOp(map, OP_NEXT_KEY, xskmap_next_key.index);
  setOp(map, OP_REDIRECT, xskmap_redirect.index);
  setOp(map, OP_FREE, xskmap_free.index);
  setOp(map, OP_SYS_LOOKUP, xskmap_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, xskmap_sys_update.index);
  setOp(map, OP_SYS_DELETE, xskmap_sys_delete.index);
  return objectArrayCreate(map);
}

export function xskmap_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

/** An unreadable pointer when there is a socket, else 0. */
export function xskmap_lookup(map: u32, key: u32): u64 {
  const entry = objectEntry(map, key);
  return entry == 0 || load<u32>(entry) == 0 ? 0 : handleOf(entry);
}

export function xskmap_delete(map: u32, key: u32): i64 {
  const entry = objectEntry(map, key);
  if (entry == 0) return EINVAL;
  store<u64>(entry, 0);
  return 0;
}

export function xskmap_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function xskmap_redirect(map: u32, index: u64, flags: u64): i64 {
  const at = <u32>index;
  const found =
    at < load<u32>(map, M_MAX_ENTRIES) && load<u32>(load<u32>(map, M_VALUES) + (at << 3)) != 0;
  return redirectTo(map, index, flags, 0, found);
}

export function xskmap_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>EOPNOTSUPP;
}

export function xskmap_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > <u32>BPF_EXIST) return <i32>EINVAL;
  const entry = objectEntry(map, key);
  if (entry == 0) return <i32>E2BIG;
  if (load<u32>(value) == 0) return <i32>EBADF;
  const old = load<u32>(entry);
  if (old != 0 && old == load<u32>(value)) return 0;
  if (old != 0 && flags == <u32>BPF_NOEXIST) return <i32>EEXIST;
  if (old == 0 && flags == <u32>BPF_EXIST) return <i32>ENOENT;
  store<u64>(entry, load<u64>(value));
  return 0;
}

export function xskmap_sys_delete(map: u32, key: u32): i32 {
  return <i32>xskmap_delete(map, key);
}
