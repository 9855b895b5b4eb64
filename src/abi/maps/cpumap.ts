import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE } from './_flags.ts';

/** CONFIG_NR_CPUS of Debian's amd64 kernels. */
const NR_CPUS = 8192;

/** kernel/bpf/cpumap.c: cpu_map_alloc. The value is a queue size, or queue size and program fd. */
export const cpumap: MapTypeDef = {
  name: 'cpumap',
  id: 16,
  runtime: 'cpumap',
  flags: BPF_F_NUMA_NODE,
  keySize: 4,
  valueSize: { min: 4, max: 8, multipleOf: 4, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: NR_CPUS },
  programFor: 'xdp_cpumap',
};
