/**
 * Helpers on maps of any type: each calls the operation in the map's header. A type that lacks the
 * operation answers as the kernel's stubs do.
 */
import {
  M_OPS,
  OP_DELETE,
  OP_FOR_EACH,
  OP_LOOKUP,
  OP_LOOKUP_PERCPU,
  OP_PEEK,
  OP_POP,
  OP_PUSH,
  OP_UPDATE,
} from '../layout';
import { EOPNOTSUPP } from '../core/errno';

/** @inline */
function operation(map: u64, op: u32): u32 {
  return load<u32>(<u32>map + op, M_OPS);
}

export function bpf_map_lookup_elem(map: u64, key: u64): u64 {
  const slot = operation(map, OP_LOOKUP);
  return slot == 0 ? 0 : call_indirect<u64>(slot, <u32>map, <u32>key);
}

export function bpf_map_update_elem(map: u64, key: u64, value: u64, flags: u64): u64 {
  const slot = operation(map, OP_UPDATE);
  if (slot == 0) return EOPNOTSUPP;
  return call_indirect<i64>(slot, <u32>map, <u32>key, <u32>value, flags);
}

export function bpf_map_delete_elem(map: u64, key: u64): u64 {
  const slot = operation(map, OP_DELETE);
  return slot == 0 ? EOPNOTSUPP : call_indirect<i64>(slot, <u32>map, <u32>key);
}

export function bpf_map_push_elem(map: u64, value: u64, flags: u64): u64 {
  const slot = operation(map, OP_PUSH);
  return slot == 0 ? EOPNOTSUPP : call_indirect<i64>(slot, <u32>map, <u32>value, flags);
}

export function bpf_map_pop_elem(map: u64, value: u64): u64 {
  const slot = operation(map, OP_POP);
  return slot == 0 ? EOPNOTSUPP : call_indirect<i64>(slot, <u32>map, <u32>value);
}

export function bpf_map_peek_elem(map: u64, value: u64): u64 {
  const slot = operation(map, OP_PEEK);
  return slot == 0 ? EOPNOTSUPP : call_indirect<i64>(slot, <u32>map, <u32>value);
}

export function bpf_map_lookup_percpu_elem(map: u64, key: u64, cpu: u64): u64 {
  const slot = operation(map, OP_LOOKUP_PERCPU);
  return slot == 0 ? 0 : call_indirect<u64>(slot, <u32>map, <u32>key, <u32>cpu);
}

/** Calls callback(map, key, value, ctx) for each element; returns how many were visited. */
export function bpf_for_each_map_elem(map: u64, callback: u64, ctx: u64, flags: u64): u64 {
  const slot = operation(map, OP_FOR_EACH);
  if (slot == 0) return EOPNOTSUPP;
  return call_indirect<i64>(slot, <u32>map, <u32>callback, ctx, flags);
}
