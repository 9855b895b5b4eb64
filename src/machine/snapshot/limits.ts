import { BPF_SPIN_LOCK } from '../../abi/fields/types.ts';

/** What maps may hold and still be put into a file: the rest is known to JavaScript only. */
export const MAP_FIELDS_KEPT = {
  /** Special fields of values. */
  mask: BPF_SPIN_LOCK,
  /** Values that are no numbers: what they belong to. */
  values: new Map([
    ['cgroup', 'cgroup'],
    ['socket', 'socket'],
    ['xsk', 'socket'],
  ]),
} as const;
