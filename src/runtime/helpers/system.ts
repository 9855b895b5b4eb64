/** What a program may ask of the machine: time, CPU, random numbers, the current task. */
import {
  C_PRANDOM,
  GLOBALS,
  G_BOOT_OFFSET,
  G_CGROUP,
  G_CLOCK,
  G_CURRENT_COMM,
  G_CURRENT_PID_TGID,
  G_CURRENT_UID_GID,
  G_TAI_OFFSET,
} from '../layout';
import { EINVAL } from '../core/errno';
import { cpu_block, cpu_number } from '../core/instance';
import { ancestorId, cgroupId } from '../core/owner';

/** Ticks per second of Debian's kernels, and jiffies at boot: five minutes before the u32 wraps. */
const HZ: u64 = 250;
const INITIAL_JIFFIES: u64 = 0x100000000 - 300 * HZ;
const NS_PER_JIFFY: u64 = 1000000000 / HZ;
const TASK_COMM_LEN: u32 = 16;

/** @inline */
function clock(): u64 {
  return load<u64>(GLOBALS, G_CLOCK);
}

export function bpf_ktime_get_ns(): u64 {
  return clock();
}

export function bpf_ktime_get_boot_ns(): u64 {
  return clock() + load<u64>(GLOBALS, G_BOOT_OFFSET);
}

export function bpf_ktime_get_tai_ns(): u64 {
  return clock() + load<u64>(GLOBALS, G_TAI_OFFSET);
}

/** The clock as of the last timer tick. */
export function bpf_ktime_get_coarse_ns(): u64 {
  const now = clock();
  return now - (now % NS_PER_JIFFY);
}

export function bpf_jiffies64(): u64 {
  return INITIAL_JIFFIES + clock() / NS_PER_JIFFY;
}

/** xorshift64* over this CPU's state, so that runs can be repeated. */
export function bpf_get_prandom_u32(): u64 {
  let state = load<u64>(cpu_block, C_PRANDOM);
  // The state may not be 0; the seed gives 0 once in 2^64.
  if (state == 0) state = 0x9e3779b97f4a7c15;
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  store<u64>(cpu_block, state, C_PRANDOM);
  return (state * 0x2545f4914f6cdd1d) >> 32;
}

export function bpf_get_smp_processor_id(): u64 {
  return cpu_number;
}

export function bpf_get_numa_node_id(): u64 {
  return 0;
}

export function bpf_get_current_pid_tgid(): u64 {
  return load<u64>(GLOBALS, G_CURRENT_PID_TGID);
}

export function bpf_get_current_uid_gid(): u64 {
  return load<u64>(GLOBALS, G_CURRENT_UID_GID);
}

/** Name of the current task, cut or padded with zeros; the last byte is always 0. */
export function bpf_get_current_comm(buffer: u64, size: u64): u64 {
  const to = <u32>buffer;
  const length = <u32>size;
  if (length == 0) return EINVAL;
  memory.fill(to, 0, length);
  const limit = min<u32>(length - 1, TASK_COMM_LEN - 1);
  for (let i: u32 = 0; i < limit; i++) {
    const c = load<u8>(GLOBALS + i, G_CURRENT_COMM);
    if (c == 0) break;
    store<u8>(to + i, c);
  }
  return 0;
}

export function bpf_get_current_cgroup_id(): u64 {
  return cgroupId(load<u32>(GLOBALS, G_CGROUP));
}

export function bpf_get_current_ancestor_cgroup_id(level: u64): u64 {
  return ancestorId(load<u32>(GLOBALS, G_CGROUP), level);
}
