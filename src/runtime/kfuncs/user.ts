/** Text from memory of users (kernel/bpf/helpers.c). */
import { EFAULT, EINVAL } from '../core/errno';
import { userReadable } from '../core/user-pages';

const PAD_ZEROS: u64 = 1;

/** Bytes of the text with its NUL, at most `size`; the rest is zeros if that is asked for. */
export function bpf_copy_from_user_str(to: u64, most: u64, from: u64, flags: u64): u64 {
  const size = <u32>most;
  if (flags & ~PAD_ZEROS) return EINVAL;
  if (size == 0) return 0;
  const at = <u32>to;
  let length: u32 = 0;
  for (; length < size - 1; length++) {
    if (!userReadable(from + length, 1)) {
      if (flags & PAD_ZEROS) memory.fill(at, 0, size);
      return EFAULT;
    }
    const c = load<u8>(<u32>from + length);
    if (c == 0) break;
    store<u8>(at + length, c);
  }
  if (flags & PAD_ZEROS) memory.fill(at + length, 0, size - length);
  else store<u8>(at + length, 0);
  return length + 1;
}
