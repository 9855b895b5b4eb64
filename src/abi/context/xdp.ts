/** `struct xdp_md`: 32-bit reads (net/core/filter.c). */
import { BPF_XDP_DEVMAP } from '../generated/6.12/constants.ts';
import type { ContextDef } from './rules.ts';
import { WORD, fieldsOf, registerTypes } from './rules.ts';

const { size, start } = fieldsOf('xdp_md');

export const xdp: ContextDef = {
  size,
  rules: [
    start('data', { read: WORD, gives: registerTypes.PTR_TO_PACKET, unsigned: true }),
    start('data_end', { read: WORD, gives: registerTypes.PTR_TO_PACKET_END, unsigned: true }),
    start('data_meta', { read: WORD, gives: registerTypes.PTR_TO_PACKET_META, unsigned: true }),
    start('ingress_ifindex', { read: WORD }),
    start('rx_queue_index', { read: WORD }),
    start('egress_ifindex', { read: WORD, attach: [BPF_XDP_DEVMAP] }),
  ],
};
