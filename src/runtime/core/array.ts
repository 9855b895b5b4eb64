/**
 * Arrays of values: value i of CPU c is at M_VALUES + c * M_CPU_STRIDE + i * M_STRIDE. Engines
 * write that formula into compiled code; a plain array has M_CPU_STRIDE 0.
 */
import { M_CPU_STRIDE, M_FIELDS, M_MAX_ENTRIES, M_SPIN_LOCK, M_STRIDE, M_VALUES } from '../layout';
import { callForElement, stackReserve, stackRestore, stackTop } from './callback';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from './errno';
import { fieldsFree } from './fields';
import { cpu_number } from './instance';
import { cpuCount, roundUp8, valuePointer, valueRegion } from './map';
import { heap_alloc, heap_free } from './memory';
import { BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST } from './uapi';

/** Storage for max_entries values of round_up(element, 8) bytes, `copies` times (one per CPU). */
export function arrayAllocate(map: u32, element: u32, copies: u32): i32 {
  const stride = roundUp8(element);
  const one = <u64>stride * load<u32>(map, M_MAX_ENTRIES);
  const all = one * copies;
  if (one > 0xe0000000 || all > 0xe0000000) return <i32>ENOMEM;
  const values = heap_alloc(<u32>all, 64);
  if (values == 0) return <i32>ENOMEM;
  store<u32>(map, values, M_VALUES);
  store<u32>(map, stride, M_STRIDE);
  store<u32>(map, copies > 1 ? <u32>one : 0, M_CPU_STRIDE);
  if (!valueRegion(map, values, values + <u32>all, stride, element)) {
    heap_free(values);
    return <i32>ENOMEM;
  }
  return 0;
}

/** What its values own goes with it. */
export function arrayRelease(map: u32): void {
  const fields = load<u32>(map, M_FIELDS);
  if (fields != 0) {
    const copies: u32 = load<u32>(map, M_CPU_STRIDE) == 0 ? 1 : cpuCount();
    for (let cpu: u32 = 0; cpu < copies; cpu++) {
      const entries = load<u32>(map, M_MAX_ENTRIES);
      for (let i: u32 = 0; i < entries; i++) fieldsFree(fields, arrayValue(map, cpu, i));
    }
  }
  heap_free(load<u32>(map, M_VALUES));
}

/** Address of value `index` for `cpu`. The index must be in range. @inline */
export function arrayValue(map: u32, cpu: u32, index: u32): u32 {
  return (
    load<u32>(map, M_VALUES) + cpu * load<u32>(map, M_CPU_STRIDE) + index * load<u32>(map, M_STRIDE)
  );
}

/** Errno of an update's flags and index; 0 when it may go on. @inline */
export function arrayUpdateCheck(map: u32, index: u32, flags: u64): i64 {
  if (flags == 0) return index < load<u32>(map, M_MAX_ENTRIES) ? 0 : E2BIG;
  if ((flags & ~BPF_F_LOCK) > BPF_EXIST) return EINVAL;
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return E2BIG;
  if (flags & BPF_NOEXIST) return EEXIST;
  return flags & BPF_F_LOCK && load<u32>(map, M_SPIN_LOCK) == 0 ? EINVAL : 0;
}

/** Keys 0 .. max_entries - 1 in order; anything else starts over. `key` 0 = from the start. */
export function arrayNextKey(map: u32, key: u32, next: u32): i32 {
  const count = load<u32>(map, M_MAX_ENTRIES);
  const index = key == 0 ? u32.MAX_VALUE : load<u32>(key);
  if (index >= count) {
    store<u32>(next, 0);
    return 0;
  }
  if (index == count - 1) return <i32>ENOENT;
  store<u32>(next, index + 1);
  return 0;
}

/** Calls back for every element, in order, with this CPU's values. */
export function arrayForEach(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  if (flags != 0) return EINVAL;
  const top = stackTop();
  const count = load<u32>(map, M_MAX_ENTRIES);
  const key = stackReserve(4);
  let index: u32 = 0;
  while (index < count) {
    store<u32>(key, index);
    const value = valuePointer(map, arrayValue(map, cpu_number, index));
    const stop = callForElement(slot, map, key, value, ctx);
    index++;
    if (stop != 0) break;
  }
  stackRestore(top);
  return index;
}
