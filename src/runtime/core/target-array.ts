/**
 * Arrays of redirect targets, as devmap and cpumap keep them: {u32 target, u32 program} by index,
 * and a target of 0 is an empty slot.
 */
import { M_MAX_ENTRIES, M_VALUE_SIZE, TARGET_BAD } from '../layout';
import { arrayValue } from './array';
import { copyBytes } from './copy';
import { EINVAL, ENOENT } from './errno';
import { valuePointer } from './map';

/** Whether the value names a program that cannot be there: its user says so (TARGET_BAD). */
export function isBadTarget(value: u32, size: u32): bool {
  return size == 8 && load<u32>(value, 4) == <u32>TARGET_BAD;
}

/** Address of the entry, or 0 when it is empty or out of range. */
export function targetEntry(map: u32, index: u32): u32 {
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  const at = arrayValue(map, 0, index);
  return load<u32>(at) == 0 ? 0 : at;
}

export function targetLookup(map: u32, key: u32): u64 {
  const at = targetEntry(map, load<u32>(key));
  return at == 0 ? 0 : valuePointer(map, at);
}

export function targetDelete(map: u32, key: u32): i64 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return EINVAL;
  memory.fill(arrayValue(map, 0, index), 0, 8);
  return 0;
}

export function targetSysLookup(map: u32, key: u32, out: u32): i32 {
  const at = targetEntry(map, load<u32>(key));
  if (at == 0) return <i32>ENOENT;
  copyBytes(out, at, load<u32>(map, M_VALUE_SIZE));
  return 0;
}
