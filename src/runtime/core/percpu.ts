/**
 * Per-CPU values: CPU n's is n * M_CPU_STRIDE behind CPU 0's (`home`). bpf(2) moves all of them,
 * each rounded up to 8 bytes.
 */
import { M_CPU_STRIDE, M_FIELDS, M_VALUE_SIZE } from '../layout';
import { copyBytes, copyKey, copyValue, copyValueOut } from './copy';
import { valueFree } from './fields';
import { cpu_number } from './instance';
import { cpuCount, roundUp8 } from './map';

/** All CPUs' values to `out`. */
export function percpuCopyOut(map: u32, home: u32, out: u32): void {
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const from = home + cpu * load<u32>(map, M_CPU_STRIDE);
    if (load<u32>(map, M_FIELDS) != 0) copyValueOut(map, out + cpu * size, from);
    else copyBytes(out + cpu * size, from, size);
  }
}

/** All CPUs' values from `from`. */
export function percpuCopyIn(map: u32, home: u32, from: u32): void {
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const to = home + cpu * load<u32>(map, M_CPU_STRIDE);
    if (load<u32>(map, M_FIELDS) != 0) setFielded(map, to, from + cpu * size);
    else copyBytes(to, from + cpu * size, size);
  }
}

/** A value with special fields: what they owned goes. */
function setFielded(map: u32, to: u32, from: u32): void {
  copyValue(map, to, from);
  valueFree(map, to);
}

/** This CPU's value. */
export function percpuSet(map: u32, home: u32, value: u32): void {
  const to = home + cpu_number * load<u32>(map, M_CPU_STRIDE);
  if (load<u32>(map, M_FIELDS) != 0) setFielded(map, to, value);
  else copyKey(to, value, load<u32>(map, M_VALUE_SIZE));
}

/** A new element made by a program: its CPU's value is given, the others' are zero. */
export function percpuInit(map: u32, home: u32, value: u32): void {
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    memory.fill(home + cpu * load<u32>(map, M_CPU_STRIDE), 0, size);
  }
  percpuSet(map, home, value);
}
