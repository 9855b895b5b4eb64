/** Which cgroup a packet or a task belongs to (net/core/filter.c, kernel/trace/bpf_trace.c). */
import { BPF_MAP_TYPE_CGROUP_ARRAY } from '../../abi/generated/6.12/constants';
import {
  C_CGROUP_RETVAL,
  C_LOCAL_STORAGE,
  GLOBALS,
  G_CGROUP,
  M_TYPE,
  OWNER_CGROUP,
  SKB_CGROUP,
  SKB_SOCKET_COOKIE,
} from '../layout';
import { BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE } from '../../abi/generated/6.12/constants';
import { EINVAL, ENOENT } from '../core/errno';
import { cpu_block } from '../core/instance';
import { ownerByNumber } from '../core/owner';
import { cgroup_array_holds } from '../maps/cgroup_array';

/** @inline */
function isArray(map: u64): bool {
  return load<u32>(<u32>map, M_TYPE) == BPF_MAP_TYPE_CGROUP_ARRAY;
}

/** 1 if the socket of the packet is in the cgroup at an index, or in one below it. */
export function bpf_skb_under_cgroup(skb: u64, map: u64, index: u64): u64 {
  if (!isArray(map)) return EINVAL;
  if (load<u64>(<u32>skb, SKB_SOCKET_COOKIE) == 0) return ENOENT;
  const cgroup = ownerByNumber(load<u32>(<u32>skb, SKB_CGROUP), OWNER_CGROUP);
  return cgroup_array_holds(<u32>map, <u32>index, cgroup);
}

/** The same of the current task. */
export function bpf_current_task_under_cgroup(map: u64, index: u64): u64 {
  if (!isArray(map)) return EINVAL;
  const cgroup = ownerByNumber(load<u32>(GLOBALS, G_CGROUP), OWNER_CGROUP);
  return cgroup_array_holds(<u32>map, <u32>index, cgroup);
}

/** The storage of the cgroup the program is attached to: see cgroup_storage_enter. */
export function bpf_get_local_storage(map: u64, flags: u64): u64 {
  const perCpu = load<u32>(<u32>map, M_TYPE) == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
  return load<u64>(cpu_block + C_LOCAL_STORAGE + (perCpu ? 8 : 0));
}

/** @inline */
function retval(): u32 {
  return load<u32>(cpu_block, C_CGROUP_RETVAL);
}

/** What the call will return, as far as it is known. */
export function bpf_get_retval(): u64 {
  return retval() == 0 ? 0 : <u64>(<i64>load<i32>(retval()));
}

/** From now on it will return this. */
export function bpf_set_retval(value: u64): u64 {
  if (retval() != 0) store<i32>(retval(), <i32>value);
  return 0;
}

/** Class of the current task's traffic: there is no net_cls controller, so none. */
export function bpf_get_cgroup_classid_curr(): u64 {
  return 0;
}
