import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  KMALLOC_MAX_SIZE,
  U32_MAX,
} from './_flags.ts';

/** Bytes of address behind the 4-byte prefix length. */
const DATA_MAX = 256;
/** sizeof(struct lpm_trie_node): what a value shares its allocation with. */
const NODE = 40;

/** kernel/bpf/lpm_trie.c: trie_alloc. BPF_F_NO_PREALLOC must be given. */
export const lpmTrie: MapTypeDef = {
  name: 'lpm_trie',
  id: 11,
  runtime: 'lpm_trie',
  flags: BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK,
  needsFlags: BPF_F_NO_PREALLOC,
  keySize: { min: 5, max: 4 + DATA_MAX, tooBig: 'EINVAL' },
  valueSize: { min: 1, max: KMALLOC_MAX_SIZE - DATA_MAX - NODE, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: U32_MAX },
};
