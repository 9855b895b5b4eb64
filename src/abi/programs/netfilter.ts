import { BPF_PROG_TYPE_NETFILTER } from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';

/** Programs at the hooks of netfilter: struct bpf_nf_ctx, two pointers. */
export const netfilter: ProgramTypeDef = {
  name: 'netfilter',
  id: BPF_PROG_TYPE_NETFILTER,
  context: {
    struct: 'bpf_nf_ctx',
    size: 16,
    allocated: 384,
    kernelPacket: true,
    fields: [
      { name: 'state', offset: 0, size: 8 },
      { name: 'skb', offset: 8, size: 8 },
    ],
  },
  verdicts: { 0: 'drop', 1: 'accept' },
};
