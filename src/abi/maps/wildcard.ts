import { extensionMapTypes } from '../extensions.ts';
import type { MapTypeDef } from '../types.ts';
import { BPF_F_ACCESS_MASK, BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE } from './_flags.ts';

/** Two numbers of 4 bytes and the fields: nine at most, of 16 bytes and a prefix length each. */
const KEY_MIN = 4 + 4 + 1;
const KEY_MAX = 4 + 4 + 9 * 20;

/** An extension, see src/abi/wildcard.ts. Rules are allocated up to half a GiB. */
export const wildcard: MapTypeDef = {
  name: 'wildcard',
  id: extensionMapTypes.BPF_MAP_TYPE_WILDCARD,
  runtime: 'wildcard',
  flags: BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK,
  keySize: { min: KEY_MIN, max: KEY_MAX },
  valueSize: { min: 1, max: 0x10000 },
  maxEntries: { min: 1, max: 0x1000000 },
  extra: true,
  fields: true,
};
