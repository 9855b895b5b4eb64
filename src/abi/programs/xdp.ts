import { BPF_PROG_TYPE_XDP } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';

/** XDP: 32-bit reads of xdp_md only, nothing writable (net/core/filter.c, xdp_is_valid_access). */
export const xdp: ProgramTypeDef = {
  name: 'xdp',
  id: BPF_PROG_TYPE_XDP,
  context: {
    struct: 'xdp_md',
    size: 24,
    allocated: 64,
    fields: contextFields('xdp_md', {
      data: { pointer: 'packet' },
      data_end: { pointer: 'packet_end' },
      data_meta: { pointer: 'packet_meta' },
      egress_ifindex: { attach: ['BPF_XDP_DEVMAP'] },
    }),
    packet: { start: 0, end: 4, meta: 8 },
  },
  verdicts: { 0: 'aborted', 1: 'drop', 2: 'pass', 3: 'tx', 4: 'redirect' },
};
