/** BPF_MAP_TYPE_QUEUE (kernel/bpf/queue_stack_maps.c): first in, first out. */
import {
  OP_FREE,
  OP_NEXT_KEY,
  OP_PEEK,
  OP_POP,
  OP_PUSH,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_LOOKUP_AND_DELETE,
  OP_SYS_UPDATE,
} from '../layout';
import { EINVAL } from '../core/errno';
import { setOp } from '../core/map';
import { ringCreate, ringGet, ringPush, ringRelease } from '../core/ring';

const NEWEST = false;

export function queue_create(map: u32): i32 {
  setOp(map, OP_PUSH, queue_push.index);
  setOp(map, OP_POP, queue_pop.index);
  setOp(map, OP_PEEK, queue_peek.index);
  setOp(map, OP_NEXT_KEY, queue_next_key.index);
  setOp(map, OP_FREE, queue_free.index);
  setOp(map, OP_SYS_LOOKUP, queue_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, queue_sys_update.index);
  setOp(map, OP_SYS_DELETE, queue_sys_delete.index);
  setOp(map, OP_SYS_LOOKUP_AND_DELETE, queue_sys_lookup_and_delete.index);
  return ringCreate(map);
}

export function queue_free(map: u32): void {
  ringRelease(map);
}

export function queue_push(map: u32, value: u32, flags: u64): i64 {
  return ringPush(map, value, flags);
}

export function queue_pop(map: u32, value: u32): i64 {
  return ringGet(map, value, NEWEST, true);
}

export function queue_peek(map: u32, value: u32): i64 {
  return ringGet(map, value, NEWEST, false);
}

export function queue_next_key(map: u32, key: u32, next: u32): i32 {
  return <i32>EINVAL;
}

export function queue_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>queue_peek(map, out);
}

export function queue_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>queue_push(map, value, flags);
}

export function queue_sys_delete(map: u32, key: u32): i32 {
  return <i32>EINVAL;
}

export function queue_sys_lookup_and_delete(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>queue_pop(map, out);
}
