/** BPF_MAP_TYPE_PERCPU_ARRAY (kernel/bpf/arraymap.c). */
import {
  M_CPU_STRIDE,
  M_MAX_ENTRIES,
  M_STRIDE,
  M_VALUES,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FOR_EACH,
  OP_FREE,
  OP_LOOKUP,
  OP_LOOKUP_PERCPU,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OP_UPDATE,
} from '../layout';
import {
  arrayAllocate,
  arrayForEach,
  arrayNextKey,
  arrayRelease,
  arrayUpdateCheck,
  arrayValue,
} from '../core/array';
import { EINVAL, ENOENT } from '../core/errno';
import { cpu_number } from '../core/instance';
import { cpuCount, setOp, valuePointer } from '../core/map';
import { percpuCopyIn, percpuCopyOut, percpuSet } from '../core/percpu';

export function percpu_array_create(map: u32): i32 {
  const error = arrayAllocate(map, load<u32>(map, M_VALUE_SIZE), cpuCount());
  if (error != 0) return error;
  setOp(map, OP_LOOKUP, percpu_array_lookup.index);
  setOp(map, OP_LOOKUP_PERCPU, percpu_array_lookup_percpu.index);
  setOp(map, OP_UPDATE, percpu_array_update.index);
  setOp(map, OP_DELETE, percpu_array_delete.index);
  setOp(map, OP_NEXT_KEY, percpu_array_next_key.index);
  setOp(map, OP_FOR_EACH, percpu_array_for_each.index);
  setOp(map, OP_FREE, percpu_array_free.index);
  setOp(map, OP_SYS_LOOKUP, percpu_array_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, percpu_array_sys_update.index);
  setOp(map, OP_SYS_DELETE, percpu_array_sys_delete.index);
  return 0;
}

export function percpu_array_free(map: u32): void {
  arrayRelease(map);
}

export function percpu_array_lookup(map: u32, key: u32): u64 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  return valuePointer(map, arrayValue(map, cpu_number, index));
}

export function percpu_array_lookup_percpu(map: u32, key: u32, cpu: u32): u64 {
  const index = load<u32>(key);
  if (cpu >= cpuCount() || index >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  return valuePointer(map, arrayValue(map, cpu, index));
}

export function percpu_array_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  const index = load<u32>(key);
  const error = arrayUpdateCheck(map, index, flags);
  if (error == 0) percpuSet(map, arrayValue(map, 0, index), value);
  return error;
}

export function percpu_array_delete(map: u32, key: u32): i64 {
  return EINVAL;
}

export function percpu_array_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function percpu_array_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  return arrayForEach(map, slot, ctx, flags);
}

export function percpu_array_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return <i32>ENOENT;
  percpuCopyOut(map, arrayValue(map, 0, index), out);
  return 0;
}

export function percpu_array_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const index = load<u32>(key);
  const error = arrayUpdateCheck(map, index, flags);
  if (error == 0) percpuCopyIn(map, arrayValue(map, 0, index), value);
  return <i32>error;
}

export function percpu_array_sys_delete(map: u32, key: u32): i32 {
  return <i32>EINVAL;
}
