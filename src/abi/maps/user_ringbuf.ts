import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, PAGE_SIZE } from './_flags.ts';

/** kernel/bpf/ringbuf.c: ringbuf_map_alloc. max_entries is the size of the data in bytes. */
export const userRingbuf: MapTypeDef = {
  name: 'user_ringbuf',
  id: 31,
  runtime: 'user_ringbuf',
  flags: BPF_F_NUMA_NODE,
  keySize: 0,
  valueSize: 0,
  maxEntries: { min: PAGE_SIZE, max: 0x80000000, powerOfTwo: true },
  userWrites: true,
};
