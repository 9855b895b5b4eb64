/**
 * Reads of memory that need not be there (kernel/trace/bpf_trace.c, mm/maccess.c). Kernel memory is
 * whatever a region names; pages of users have theirs, so both kinds read the same.
 */
import { FAULT_NONE } from '../layout';
import { EFAULT } from '../core/errno';
import { region_check } from '../core/regions';

function read(to: u64, size: u64, from: u64): i64 {
  const length = <u32>size;
  if (length == 0) return 0;
  if (region_check(from, length, 0) != FAULT_NONE) {
    memory.fill(<u32>to, 0, length);
    return EFAULT;
  }
  memory.copy(<u32>to, <u32>from, length);
  return 0;
}

/** Copies up to the NUL, at most `size` bytes with the NUL; returns the bytes copied. */
function readString(to: u64, size: u64, from: u64): i64 {
  const length = <u32>size;
  if (length == 0) return 0;
  for (let i: u32 = 0; i < length; i++) {
    if (region_check(from + i, 1, 0) != FAULT_NONE) {
      memory.fill(<u32>to, 0, length);
      return EFAULT;
    }
    const c = i == length - 1 ? 0 : load<u8>(<u32>from + i);
    store<u8>(<u32>to + i, c);
    if (c == 0) return i + 1;
  }
  return length;
}

export function bpf_probe_read_kernel(to: u64, size: u64, from: u64): u64 {
  return read(to, size, from);
}

export function bpf_probe_read_user(to: u64, size: u64, from: u64): u64 {
  return read(to, size, from);
}

export function bpf_probe_read_kernel_str(to: u64, size: u64, from: u64): u64 {
  return readString(to, size, from);
}

export function bpf_probe_read_user_str(to: u64, size: u64, from: u64): u64 {
  return readString(to, size, from);
}
