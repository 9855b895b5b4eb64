/** Copies of keys and values. Short ones are spelled out: memory.copy leaves compiled code. */
import { M_FIELDS, M_SPIN_LOCK, M_VALUE_SIZE } from '../layout';
import { copyAround, fieldsInit } from './fields';
import { lock, unlock } from './lock';

export const SHORT: u32 = 128;

export function copyBytes(to: u32, from: u32, size: u32): void {
  if (size > SHORT) memory.copy(to, from, size);
  else copyShort(to, from, size);
}

/** Copies a few bytes, without a call. @inline */
export function copyShort(to: u32, from: u32, size: u32): void {
  while (size >= 32) {
    store<u64>(to, load<u64>(from));
    store<u64>(to, load<u64>(from, 8), 8);
    store<u64>(to, load<u64>(from, 16), 16);
    store<u64>(to, load<u64>(from, 24), 24);
    to += 32;
    from += 32;
    size -= 32;
  }
  while (size >= 8) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
    size -= 8;
  }
  if (size & 4) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
  if (size & 2) {
    store<u16>(to, load<u16>(from));
    to += 2;
    from += 2;
  }
  if (size & 1) store<u8>(to, load<u8>(from));
}

/** A key; the sizes that matter are spelled out. @inline */
export function copyKey(to: u32, from: u32, size: u32): void {
  if (size == 8) {
    store<u64>(to, load<u64>(from));
  } else if (size == 4) {
    store<u32>(to, load<u32>(from));
  } else if (size == 16) {
    store<u64>(to, load<u64>(from));
    store<u64>(to, load<u64>(from, 8), 8);
  } else {
    copyBytes(to, from, size);
  }
}

/** One value, without its special fields (the kernel's copy_map_value). @inline */
export function copyValue(map: u32, to: u32, from: u32): void {
  const size = load<u32>(map, M_VALUE_SIZE);
  const fields = load<u32>(map, M_FIELDS);
  if (fields != 0) copyAround(fields, to, from, size);
  else copyKey(to, from, size);
}

/** BPF_F_LOCK: one value, while holding the spin lock in it. */
export function copyLocked(map: u32, to: u32, from: u32): void {
  const spin = to + load<u32>(map, M_SPIN_LOCK) - 1;
  lock(spin);
  copyValue(map, to, from);
  unlock(spin);
}

/** A value for bpf(2): special fields read as zeros. */
export function copyValueOut(map: u32, to: u32, from: u32): void {
  copyValue(map, to, from);
  const fields = load<u32>(map, M_FIELDS);
  if (fields != 0) fieldsInit(fields, to);
}

/** Whether two keys are the same bytes. @inline */
export function sameBytes(a: u32, b: u32, size: u32): bool {
  while (size >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    size -= 8;
  }
  while (size != 0) {
    if (load<u8>(a) != load<u8>(b)) return false;
    a++;
    b++;
    size--;
  }
  return true;
}
