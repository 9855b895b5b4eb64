/**
 * Objects, lists and trees of programs (kernel/bpf/helpers.c). `meta` is what the kernel's verifier
 * writes into the call; here loaders bind it (host/objects.ts) where the body needs it, and objects
 * know their type otherwise.
 */
import { FIELDS_REFCOUNT, OBJECTS_FIELDS, OBJECT_TABLE_FIRST } from '../layout';
import { EINVAL } from '../core/errno';
import { listPop, listPush } from '../core/list';
import { objectAt, objectDrop, objectTake, objectType } from '../core/objects';
import { treeAdd, treeFirst, treeRemove } from '../core/rbtree';

/** `meta`: the types of the program's object by BTF id (OBJECT_TABLE_*), or 0. */
function newObject(id: u64, meta: u64, kind: u32): u64 {
  const table = <u32>meta;
  if (table == 0 || id >= <u64>load<u32>(table)) return 0;
  const type = load<u32>(table + OBJECT_TABLE_FIRST + <u32>id * 8 + kind);
  return type == 0 ? 0 : objectTake(type);
}

export function bpf_obj_new_impl(id: u64, meta: u64): u64 {
  return newObject(id, meta, 0);
}

export function bpf_percpu_obj_new_impl(id: u64, meta: u64): u64 {
  return newObject(id, meta, 4);
}

export function bpf_obj_drop_impl(object: u64, meta: u64): u64 {
  objectDrop(object);
  return 0;
}

export function bpf_percpu_obj_drop_impl(object: u64, meta: u64): u64 {
  objectDrop(object);
  return 0;
}

/** The pointer again, as one that owns; NULL when the last owner is gone already. */
export function bpf_refcount_acquire_impl(object: u64, meta: u64): u64 {
  const base = objectAt(object);
  if (base == 0) return 0;
  const fields = load<u32>(objectType(object), OBJECTS_FIELDS);
  const count: u32 = fields == 0 ? 0 : load<u32>(fields, FIELDS_REFCOUNT);
  if (count == 0) return 0;
  const at = base + count - 1;
  if (SHARED) {
    let seen = atomic.load<u32>(at);
    while (seen != 0) {
      const found = atomic.cmpxchg<u32>(at, seen, seen + 1);
      if (found == seen) return object;
      seen = found;
    }
    return 0;
  }
  if (load<u32>(at) == 0) return 0;
  store<u32>(at, load<u32>(at) + 1);
  return object;
}

/** A node that is on a list already costs the caller its reference. */
function push(head: u64, node: u64, first: bool): u64 {
  if (listPush(<u32>head, node, first)) return 0;
  objectDrop(node);
  return EINVAL;
}

export function bpf_list_push_front_impl(head: u64, node: u64, meta: u64, off: u64): u64 {
  return push(head, node, true);
}

export function bpf_list_push_back_impl(head: u64, node: u64, meta: u64, off: u64): u64 {
  return push(head, node, false);
}

export function bpf_list_pop_front(head: u64): u64 {
  return listPop(<u32>head, true);
}

export function bpf_list_pop_back(head: u64): u64 {
  return listPop(<u32>head, false);
}

export function bpf_rbtree_add_impl(root: u64, node: u64, less: u64, meta: u64, off: u64): u64 {
  if (treeAdd(<u32>root, node, <u32>less)) return 0;
  objectDrop(node);
  return EINVAL;
}

export function bpf_rbtree_remove(root: u64, node: u64): u64 {
  return treeRemove(<u32>root, node) ? node : 0;
}

export function bpf_rbtree_first(root: u64): u64 {
  return treeFirst(<u32>root);
}
