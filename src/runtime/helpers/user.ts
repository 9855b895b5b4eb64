/**
 * Copies from memory of users, at which programs may sleep (kernel/bpf/helpers.c). All users of the
 * machine have one address space: what a task may read is what anybody has mapped.
 */
import { EFAULT, EINVAL } from '../core/errno';
import { userReadable } from '../core/user-pages';

function copy(to: u64, size: u64, from: u64): i64 {
  const length = <u32>size;
  if (length == 0) return 0;
  if (!userReadable(from, length)) {
    memory.fill(<u32>to, 0, length);
    return EFAULT;
  }
  memory.copy(<u32>to, <u32>from, length);
  return 0;
}

export function bpf_copy_from_user(to: u64, size: u64, from: u64): u64 {
  return copy(to, size, from);
}

export function bpf_copy_from_user_task(to: u64, size: u64, from: u64, task: u64, flags: u64): u64 {
  return flags != 0 ? EINVAL : copy(to, size, from);
}
