/**
 * What the socket structs and the contexts of programs at sockets are made of (net/core/filter.c).
 */
import { structs } from '../../generated/6.12/structs.ts';
import type { KernelContext, KernelField } from './types.ts';

const NO_QUEUE = 0xffff;

const asked = (path: string): KernelField => ({ path, width: 'asked' });

export const sock: KernelContext = {
  struct: 'bpf_sock',
  fields: {
    bound_dev_if: { path: 'sock.__sk_common.skc_bound_dev_if' },
    family: { path: 'sock_common.skc_family' },
    type: { path: 'sock.sk_type' },
    protocol: { path: 'sock.sk_protocol' },
    mark: { path: 'sock.sk_mark' },
    priority: { path: 'sock.sk_priority' },
    src_ip4: asked('sock_common.skc_rcv_saddr'),
    src_ip6: { path: 'sock_common.skc_v6_rcv_saddr', width: 'asked', inside: true, whole: 4 },
    src_port: { path: 'sock_common.skc_num' },
    dst_port: { path: 'sock_common.skc_dport' },
    dst_ip4: asked('sock_common.skc_daddr'),
    dst_ip6: { path: 'sock_common.skc_v6_daddr', width: 'asked', inside: true, whole: 4 },
    state: { path: 'sock_common.skc_state' },
    rx_queue_mapping: {
      path: 'sock.__sk_common.skc_rx_queue_mapping',
      whole: 4,
      after: [{ op: 'none', none: NO_QUEUE }],
    },
  },
};

const named = (struct: string, names: readonly string[]): Record<string, KernelField> =>
  Object.fromEntries(names.map((name) => [name, { path: `${struct}.${name}` }]));

/** Names of the fields of a struct of the user's, from one to another. */
function between(struct: string, first: string, last: string): string[] {
  const names = structs[struct]!.fields.map(({ name }) => name);
  return names.slice(names.indexOf(first), names.indexOf(last) + 1);
}

export const tcpSock: KernelContext = {
  struct: 'bpf_tcp_sock',
  fields: {
    ...named('tcp_sock', between('bpf_tcp_sock', 'snd_cwnd', 'delivered_ce')),
    rtt_min: { path: 'tcp_sock.rtt_min.s[0].v' },
    icsk_retransmits: { path: 'inet_connection_sock.icsk_retransmits' },
  },
};

export const xdpSock: KernelContext = {
  struct: 'bpf_xdp_sock',
  fields: { queue_id: { path: 'xdp_sock.queue_id' } },
};

const PORT_SHIFT = { op: 'lsh', imm: 16 } as const;

/** Addresses and ports of the socket that a struct points to. */
const addresses = (socket: string): Record<string, KernelField> => ({
  family: { path: `${socket} > sock_common.skc_family` },
  remote_ip4: { path: `${socket} > sock_common.skc_daddr` },
  local_ip4: { path: `${socket} > sock_common.skc_rcv_saddr` },
  remote_ip6: { path: `${socket} > sock_common.skc_v6_daddr`, width: 4, inside: true },
  local_ip6: { path: `${socket} > sock_common.skc_v6_rcv_saddr`, width: 4, inside: true },
  remote_port: { path: `${socket} > sock_common.skc_dport`, after: [PORT_SHIFT] },
  local_port: { path: `${socket} > sock_common.skc_num` },
});

const tcpOf = (names: readonly string[]): Record<string, KernelField> =>
  Object.fromEntries(
    names.map((name) => [name, { path: `tcp_sock.${name}`, special: 'sock_ops_tcp' as const }]),
  );

export const sockOps: KernelContext = {
  struct: 'bpf_sock_ops',
  fields: {
    op: { path: 'bpf_sock_ops_kern.op' },
    reply: { path: 'bpf_sock_ops_kern.reply' },
    replylong: { path: 'bpf_sock_ops_kern.replylong', width: 4, inside: true },
    args: { path: 'bpf_sock_ops_kern.replylong', width: 4, inside: true },
    ...addresses('bpf_sock_ops_kern.sk'),
    is_fullsock: { path: 'bpf_sock_ops_kern.is_fullsock' },
    ...tcpOf(between('bpf_sock_ops', 'snd_cwnd', 'sacked_out')),
    ...tcpOf(['bytes_received', 'bytes_acked']),
    // These two stand among them, and are none.
    state: { path: 'bpf_sock_ops_kern.sk > sock_common.skc_state' },
    rtt_min: { path: 'tcp_sock.rtt_min.s[0].v', special: 'sock_ops_tcp' },
    sk_txhash: { path: 'sock.sk_txhash', special: 'sock_ops_tcp' },
    sk: { path: 'bpf_sock_ops_kern.sk', special: 'sock_ops_sk' },
    skb_data: { path: 'bpf_sock_ops_kern.skb >? sk_buff.data' },
    skb_data_end: { path: 'bpf_sock_ops_kern.skb_data_end' },
    skb_len: { path: 'bpf_sock_ops_kern.skb >? sk_buff.len' },
    skb_tcp_flags: { path: 'bpf_sock_ops_kern.skb >? sk_buff.cb + tcp_skb_cb.tcp_flags' },
    skb_hwtstamp: { path: 'skb_shared_info.hwtstamps', special: 'sock_ops_hwtstamp' },
  },
};

export const skMsg: KernelContext = {
  struct: 'sk_msg_md',
  fields: {
    data: { path: 'sk_msg.data' },
    data_end: { path: 'sk_msg.data_end' },
    ...addresses('sk_msg.sk'),
    size: { path: 'sk_msg_sg.size' },
    sk: { path: 'sk_msg.sk' },
  },
};

export const skReuseport: KernelContext = {
  struct: 'sk_reuseport_md',
  fields: {
    data: { path: 'sk_reuseport_kern.skb > sk_buff.data' },
    data_end: { path: 'sk_reuseport_kern.data_end' },
    len: { path: 'sk_reuseport_kern.skb > sk_buff.len' },
    eth_protocol: { path: 'sk_reuseport_kern.skb > sk_buff.protocol' },
    ip_protocol: { path: 'sk_reuseport_kern.sk > sock.sk_protocol' },
    bind_inany: { path: 'sk_reuseport_kern.bind_inany' },
    hash: { path: 'sk_reuseport_kern.hash' },
    sk: { path: 'sk_reuseport_kern.sk' },
    migrating_sk: { path: 'sk_reuseport_kern.migrating_sk' },
  },
};

const inLookup = (member: string): KernelField => ({ path: `bpf_sk_lookup_kern.${member}` });
const address6 = (member: string): KernelField => ({
  path: `bpf_sk_lookup_kern.${member} >? in6_addr.in6_u`,
  width: 4,
  inside: true,
});

export const skLookup: KernelContext = {
  struct: 'bpf_sk_lookup',
  fields: {
    sk: inLookup('selected_sk'),
    family: inLookup('family'),
    protocol: inLookup('protocol'),
    remote_ip4: inLookup('v4.saddr'),
    remote_ip6: address6('v6.saddr'),
    remote_port: inLookup('sport'),
    // Once the field had four bytes.
    'remote_port+2': { path: '', whole: 2, special: 'zero' },
    local_ip4: inLookup('v4.daddr'),
    local_ip6: address6('v6.daddr'),
    local_port: inLookup('dport'),
    ingress_ifindex: inLookup('ingress_ifindex'),
  },
};
