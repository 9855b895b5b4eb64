/**
 * Per-CPU values: CPU n's is n * M_CPU_STRIDE behind CPU 0's (`home`). bpf(2) moves all of them,
 * each rounded up to 8 bytes.
 */
import { M_CPU_STRIDE, M_VALUE_SIZE } from '../layout';
import { copyBytes } from './copy';
import { cpu_number } from './instance';
import { cpuCount, roundUp8 } from './map';

/** All CPUs' values to `out`. */
export function percpuCopyOut(map: u32, home: u32, out: u32): void {
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    copyBytes(out + cpu * size, home + cpu * load<u32>(map, M_CPU_STRIDE), size);
  }
}

/** All CPUs' values from `from`. */
export function percpuCopyIn(map: u32, home: u32, from: u32): void {
  const size = roundUp8(load<u32>(map, M_VALUE_SIZE));
  const cpus = cpuCount();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    copyBytes(home + cpu * load<u32>(map, M_CPU_STRIDE), from + cpu * size, size);
  }
}

/** This CPU's value. */
export function percpuSet(map: u32, home: u32, value: u32): void {
  const to = home + cpu_number * load<u32>(map, M_CPU_STRIDE);
  copyBytes(to, value, load<u32>(map, M_VALUE_SIZE));
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
