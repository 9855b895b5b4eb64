/**
 * Local storage (kernel/bpf/bpf_{task,inode,cgrp}_storage.c, net/core/bpf_sk_storage.c). The owner
 * is what the program has a pointer to; one the runtime does not know has no storage.
 */
import {
  BPF_MAP_TYPE_CGRP_STORAGE,
  BPF_MAP_TYPE_INODE_STORAGE,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_TYPE_TASK_STORAGE,
} from '../../abi/generated/6.12/constants';
import { M_TYPE, OWNER_CGROUP, OWNER_INODE, OWNER_SOCKET, OWNER_TASK } from '../layout';
import { EINVAL } from '../core/errno';
import { storageDelete, storageGet } from '../core/storage';

/** Programs nobody has verified may pass any map. @inline */
function isOf(map: u64, type: u32): bool {
  return load<u32>(<u32>map, M_TYPE) == type;
}

export function bpf_task_storage_get(map: u64, task: u64, value: u64, flags: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_TASK_STORAGE)) return 0;
  return storageGet(<u32>map, task, value, flags, OWNER_TASK);
}

export function bpf_task_storage_delete(map: u64, task: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_TASK_STORAGE)) return EINVAL;
  return storageDelete(<u32>map, task, OWNER_TASK);
}

export function bpf_inode_storage_get(map: u64, inode: u64, value: u64, flags: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_INODE_STORAGE)) return 0;
  return storageGet(<u32>map, inode, value, flags, OWNER_INODE);
}

export function bpf_inode_storage_delete(map: u64, inode: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_INODE_STORAGE)) return EINVAL;
  return storageDelete(<u32>map, inode, OWNER_INODE);
}

export function bpf_cgrp_storage_get(map: u64, cgroup: u64, value: u64, flags: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_CGRP_STORAGE)) return 0;
  return storageGet(<u32>map, cgroup, value, flags, OWNER_CGROUP);
}

export function bpf_cgrp_storage_delete(map: u64, cgroup: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_CGRP_STORAGE)) return EINVAL;
  return storageDelete(<u32>map, cgroup, OWNER_CGROUP);
}

export function bpf_sk_storage_get(map: u64, socket: u64, value: u64, flags: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_SK_STORAGE)) return 0;
  return storageGet(<u32>map, socket, value, flags, OWNER_SOCKET);
}

export function bpf_sk_storage_delete(map: u64, socket: u64): u64 {
  if (!isOf(map, BPF_MAP_TYPE_SK_STORAGE)) return EINVAL;
  return storageDelete(<u32>map, socket, OWNER_SOCKET);
}
