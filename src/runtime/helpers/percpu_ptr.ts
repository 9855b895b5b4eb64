/** What per-CPU objects of programs are on one CPU (kernel/bpf/helpers.c). */
import { OBJECTS_ITEM, OBJECTS_STRIDE } from '../layout';
import { cpu_number } from '../core/instance';
import { cpuCount } from '../core/map';
import { objectAt, objectType } from '../core/objects';

/** @inline */
function onCpu(pointer: u64, cpu: u32): u64 {
  if (objectAt(pointer) == 0) return 0;
  const type = objectType(pointer);
  const stride = load<u32>(type, OBJECTS_STRIDE);
  if (stride * cpuCount() != load<u32>(type, OBJECTS_ITEM)) return 0;
  return pointer + <u64>(cpu * stride);
}

export function bpf_per_cpu_ptr(pointer: u64, cpu: u64): u64 {
  return <u32>cpu >= cpuCount() ? 0 : onCpu(pointer, <u32>cpu);
}

export function bpf_this_cpu_ptr(pointer: u64): u64 {
  return onCpu(pointer, cpu_number);
}
