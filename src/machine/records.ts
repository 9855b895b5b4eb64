import type { KernelRecord } from '../kernel/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { MachineMap } from './map.ts';

/** Reads out what programs put into a ring buffer or perf event array. */
export function drainRecords(_runtime: Runtime, _map: MachineMap): KernelRecord[] {
  return [];
}
