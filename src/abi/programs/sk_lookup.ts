import { BPF_PROG_TYPE_SK_LOOKUP } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';

/** Who gets a packet that is for no connection (net/core/filter.c, sk_lookup_*). */
export const skLookup: ProgramTypeDef = {
  name: 'sk_lookup',
  id: BPF_PROG_TYPE_SK_LOOKUP,
  context: {
    struct: 'bpf_sk_lookup',
    size: 72,
    // Behind it: u32 flags of bpf_sk_assign, for the socket that was chosen.
    allocated: 80,
    fields: contextFields('bpf_sk_lookup', {}, { narrow: true }),
  },
  verdicts: { 0: 'drop', 1: 'pass' },
};
