/** Programs at sockets: TCP events, messages, selection and lookup (net/core/filter.c). */
import type { ContextDef } from './rules.ts';
import { DOUBLE, NARROW, WORD, fieldsOf, registerTypes } from './rules.ts';

const { PTR_TO_SOCKET, PTR_TO_SOCK_COMMON, PTR_MAYBE_NULL } = registerTypes;
const { PTR_TO_PACKET, PTR_TO_PACKET_END } = registerTypes;

const ops = fieldsOf('bpf_sock_ops');

export const sockOps: ContextDef = {
  size: ops.size,
  rules: [
    ops.field('op..sacked_out', { read: WORD }),
    ops.start('reply', { write: WORD }),
    ops.start('sk_txhash', { read: WORD, write: WORD }),
    ops.field('bytes_received..bytes_acked', { read: DOUBLE }),
    ops.field('sk', { read: DOUBLE, gives: PTR_TO_SOCKET | PTR_MAYBE_NULL }),
    ops.field('skb_data', { read: DOUBLE, gives: PTR_TO_PACKET }),
    ops.field('skb_data_end', { read: DOUBLE, gives: PTR_TO_PACKET_END }),
    ops.field('skb_len', { read: WORD }),
    ops.start('skb_tcp_flags', { read: NARROW }),
    ops.field('skb_hwtstamp', { read: DOUBLE }),
  ],
};

const msg = fieldsOf('sk_msg_md');

export const skMsg: ContextDef = {
  size: msg.size,
  rules: [
    msg.field('data', { read: DOUBLE, gives: PTR_TO_PACKET }),
    msg.field('data_end', { read: DOUBLE, gives: PTR_TO_PACKET_END }),
    msg.field('family..size', { read: WORD }),
    msg.field('sk', { read: DOUBLE, gives: PTR_TO_SOCKET }),
  ],
};

const reuse = fieldsOf('sk_reuseport_md');

export const skReuseport: ContextDef = {
  size: reuse.size,
  rules: [
    reuse.start('data', { read: DOUBLE, gives: PTR_TO_PACKET }),
    reuse.start('data_end', { read: DOUBLE, gives: PTR_TO_PACKET_END }),
    reuse.field('len', { read: NARROW }),
    reuse.field('eth_protocol', { read: { 2: 4, 4: 4 } }),
    reuse.field('ip_protocol..bind_inany', { read: NARROW }),
    reuse.start('hash', { read: WORD }),
    reuse.start('sk', { read: DOUBLE, gives: PTR_TO_SOCKET }),
    reuse.start('migrating_sk', { read: DOUBLE, gives: PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL }),
  ],
};

const lookup = fieldsOf('bpf_sk_lookup');

export const skLookup: ContextDef = {
  size: lookup.size,
  rules: [
    lookup.field('sk', { read: DOUBLE, gives: PTR_TO_SOCKET | PTR_MAYBE_NULL }),
    lookup.field('family..remote_ip6', { read: NARROW }),
    // Two bytes and zeros behind them, which once were one 32-bit field.
    lookup.field('remote_port', { read: { 1: 2, 2: 2, 4: 0 } }),
    lookup.padding('remote_port', 'local_ip4', { read: { 1: 2, 2: 2 } }),
    lookup.field('local_ip4..ingress_ifindex', { read: NARROW }),
  ],
};
