/**
 * Maps of maps (kernel/bpf/map_in_map.c). What every inner map must look like is copied from the
 * template when the outer map is made, since the template may be freed. Whoever puts an inner map
 * in keeps it alive as long as it is in there.
 */
import {
  MAP_MAGIC,
  META_ENTRIES,
  META_NEVER,
  M_FLAGS,
  M_ID,
  M_INNER,
  M_KEY_SIZE,
  M_MAGIC,
  M_MAX_ENTRIES,
  M_META,
  M_TYPE,
  M_VALUE_SIZE,
} from '../layout';
import { EBADF, EINVAL, ENOTSUPP } from './errno';

// Template, in the outer map's header, behind the table's fields and before M_HASH.
const T_TYPE = 216;
const T_KEY_SIZE = 220;
const T_VALUE_SIZE = 224;
const T_FLAGS = 228;
const T_MAX_ENTRIES = 232;
const T_META = 236;

/** Copies the template named by M_INNER. */
export function templateCreate(map: u32): i32 {
  const inner = load<u32>(map, M_INNER);
  if (inner == 0 || load<u32>(inner, M_MAGIC) != MAP_MAGIC) return <i32>EBADF;
  // One level only.
  if (load<u32>(inner, M_INNER) != 0) return <i32>EINVAL;
  if (load<u32>(inner, M_META) & META_NEVER) return <i32>ENOTSUPP;
  store<u32>(map, load<u32>(inner, M_TYPE), T_TYPE);
  store<u32>(map, load<u32>(inner, M_KEY_SIZE), T_KEY_SIZE);
  store<u32>(map, load<u32>(inner, M_VALUE_SIZE), T_VALUE_SIZE);
  store<u32>(map, load<u32>(inner, M_FLAGS), T_FLAGS);
  store<u32>(map, load<u32>(inner, M_MAX_ENTRIES), T_MAX_ENTRIES);
  store<u32>(map, load<u32>(inner, M_META), T_META);
  return 0;
}

/** 0 when `inner` is the header of a map like the template, else a negative errno. */
export function innerCheck(map: u32, inner: u32): i32 {
  if (inner == 0 || load<u32>(inner, M_MAGIC) != MAP_MAGIC) return <i32>EBADF;
  const same =
    load<u32>(inner, M_TYPE) == load<u32>(map, T_TYPE) &&
    load<u32>(inner, M_KEY_SIZE) == load<u32>(map, T_KEY_SIZE) &&
    load<u32>(inner, M_VALUE_SIZE) == load<u32>(map, T_VALUE_SIZE) &&
    load<u32>(inner, M_FLAGS) == load<u32>(map, T_FLAGS);
  if (!same) return <i32>EINVAL;
  const sized = (load<u32>(map, T_META) & META_ENTRIES) != 0;
  const entries = load<u32>(inner, M_MAX_ENTRIES) == load<u32>(map, T_MAX_ENTRIES);
  return sized && !entries ? <i32>EINVAL : 0;
}

/** What bpf(2) reads for an inner map: its id. */
export function innerId(inner: u32): u32 {
  return load<u32>(inner, M_ID);
}
