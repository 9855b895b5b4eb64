/**
 * BPF_MAP_TYPE_STRUCT_OPS (kernel/bpf/bpf_struct_ops.c): one table of functions. It is set once;
 * with BPF_F_LINK a link then registers it, without one the update does.
 *
 * M_VALUES leads to what user space has set, M_PRIVATE to a byte per byte of it that says where the
 * struct has members (0: no such mask).
 */
import { BPF_F_LINK } from '../../abi/generated/6.12/constants';
import {
  M_FLAGS,
  M_LOCK,
  M_PRIVATE,
  M_VALUES,
  M_VALUE_SIZE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { E2BIG, EBUSY, EINPROGRESS, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP } from '../core/errno';
import { lock, unlock } from '../core/lock';
import { setOp } from '../core/map';
import { heap_alloc, heap_free } from '../core/memory';

const MASK = M_PRIVATE;
const STATE = M_PRIVATE + 4;

// enum bpf_struct_ops_state.
const INIT: u32 = 0;
const INUSE: u32 = 1;
const TOBEFREE: u32 = 2;
const READY: u32 = 3;

/** struct bpf_struct_ops_common_value: u32 refcnt, u32 state, before the table itself. */
const VALUE_STATE: u32 = 4;

export function struct_ops_create(map: u32): i32 {
  const size = load<u32>(map, M_VALUE_SIZE);
  const value = heap_alloc(size, 64);
  const mask: u32 = value == 0 ? 0 : heap_alloc(size, 16);
  if (mask == 0) {
    heap_free(value);
    return <i32>ENOMEM;
  }
  memory.fill(mask, 1, size);
  store<u32>(map, value, M_VALUES);
  store<u32>(map, mask, MASK);
  setOp(map, OP_NEXT_KEY, struct_ops_next_key.index);
  setOp(map, OP_FREE, struct_ops_free.index);
  setOp(map, OP_SYS_LOOKUP, struct_ops_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, struct_ops_sys_update.index);
  setOp(map, OP_SYS_DELETE, struct_ops_sys_delete.index);
  return 0;
}

export function struct_ops_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
  heap_free(load<u32>(map, MASK));
}

/** Address of the mask, for who knows the struct. */
export function struct_ops_mask(map: u32): u32 {
  return load<u32>(map, MASK);
}

/** BPF_STRUCT_OPS_STATE_*. */
export function struct_ops_state(map: u32): u32 {
  return load<u32>(map, STATE);
}

/** The only key is 0. */
export function struct_ops_next_key(map: u32, key: u32, next: u32): i32 {
  if (key != 0 && load<u32>(key) == 0) return <i32>ENOENT;
  store<u32>(next, 0);
  return 0;
}

export function struct_ops_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  if (load<u32>(key) != 0) return <i32>ENOENT;
  const size = load<u32>(map, M_VALUE_SIZE);
  const state = load<u32>(map, STATE);
  if (state == INIT) {
    memory.fill(out, 0, size);
    return 0;
  }
  memory.copy(out, load<u32>(map, M_VALUES), size);
  // A table in use holds one reference of its map.
  store<u32>(out, state == INUSE ? 1 : 0);
  store<u32>(out, state, VALUE_STATE);
  return 0;
}

/** Whether every byte between members is 0. */
function holesAreZero(map: u32, value: u32): bool {
  const mask = load<u32>(map, MASK);
  const size = load<u32>(map, M_VALUE_SIZE);
  for (let i: u32 = 0; i < size; i++) {
    if (load<u8>(mask + i) == 0 && load<u8>(value + i) != 0) return false;
  }
  return true;
}

export function struct_ops_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags != 0) return <i32>EINVAL;
  if (load<u32>(key) != 0) return <i32>E2BIG;
  if (!holesAreZero(map, value)) return <i32>EINVAL;
  if (load<u32>(value) != 0 || load<u32>(value, VALUE_STATE) != 0) return <i32>EINVAL;
  lock(map + M_LOCK);
  const free = load<u32>(map, STATE) == INIT;
  if (free) {
    memory.copy(load<u32>(map, M_VALUES), value, load<u32>(map, M_VALUE_SIZE));
    store<u32>(map, load<u32>(map, M_FLAGS) & BPF_F_LINK ? READY : INUSE, STATE);
  }
  unlock(map + M_LOCK);
  return free ? 0 : <i32>EBUSY;
}

export function struct_ops_sys_delete(map: u32, key: u32): i32 {
  if (load<u32>(map, M_FLAGS) & BPF_F_LINK) return <i32>EOPNOTSUPP;
  const state = load<u32>(map, STATE);
  if (state == INUSE) store<u32>(map, TOBEFREE, STATE);
  if (state == TOBEFREE) return <i32>EINPROGRESS;
  return state == INUSE ? 0 : <i32>ENOENT;
}
