/**
 * BPF_MAP_TYPE_PERF_EVENT_ARRAY (kernel/bpf/arraymap.c). The word of an entry is the machine's
 * handle of the perf event, which bpf_perf_event_output reads at M_VALUES + index * 8.
 */
import {
  M_VALUES,
  OP_DELETE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { ENOTSUPP } from '../core/errno';
import { setOp } from '../core/map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectDelete, objectUpdate } from '../core/object-array';

export function perf_event_array_create(map: u32): i32 {
  setOp(map, OP_DELETE, perf_event_array_delete.index);
  setOp(map, OP_NEXT_KEY, perf_event_array_next_key.index);
  setOp(map, OP_FREE, perf_event_array_free.index);
  setOp(map, OP_SYS_LOOKUP, perf_event_array_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, perf_event_array_sys_update.index);
  setOp(map, OP_SYS_DELETE, perf_event_array_sys_delete.index);
  return objectArrayCreate(map);
}

export function perf_event_array_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

export function perf_event_array_delete(map: u32, key: u32): i64 {
  return objectDelete(map, key);
}

export function perf_event_array_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function perf_event_array_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>ENOTSUPP;
}

export function perf_event_array_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return objectUpdate(map, key, value, flags);
}

export function perf_event_array_sys_delete(map: u32, key: u32): i32 {
  return <i32>objectDelete(map, key);
}
