/** Socket structs: as the context of a program, and behind pointers to sockets (filter.c). */
import {
  BPF_CGROUP_INET4_POST_BIND,
  BPF_CGROUP_INET6_POST_BIND,
  BPF_CGROUP_INET_SOCK_CREATE,
  BPF_CGROUP_INET_SOCK_RELEASE,
} from '../generated/6.12/constants.ts';
import type { ContextDef, FieldRule } from './rules.ts';
import { DOUBLE, NARROW, WORD, fieldsOf } from './rules.ts';

const { size, field, start } = fieldsOf('bpf_sock');
const tcp = fieldsOf('bpf_tcp_sock');
const xdp = fieldsOf('bpf_xdp_sock');

const common: readonly FieldRule[] = [
  // Two bytes that once were four: all four may still be read.
  field('dst_port', { read: { 1: 2, 2: 2, 4: 4 } }),
  field('dst_ip4..dst_ip6', { read: NARROW }),
  start('family', { read: NARROW }),
  start('type', { read: NARROW }),
  start('protocol', { read: NARROW }),
  start('state', { read: NARROW }),
  start('rx_queue_mapping', { read: NARROW }),
];

/** Programs at the creation, release and binding of sockets. */
export const cgroupSock: ContextDef = {
  size,
  rules: [
    ...common,
    ...['bound_dev_if', 'mark', 'priority'].map((name) =>
      start(name, {
        read: WORD,
        write: WORD,
        attach: [BPF_CGROUP_INET_SOCK_CREATE, BPF_CGROUP_INET_SOCK_RELEASE],
      }),
    ),
    field('src_ip4', { read: NARROW, attach: [BPF_CGROUP_INET4_POST_BIND] }),
    field('src_ip6', { read: NARROW, attach: [BPF_CGROUP_INET6_POST_BIND] }),
    start('src_port', {
      read: NARROW,
      attach: [BPF_CGROUP_INET4_POST_BIND, BPF_CGROUP_INET6_POST_BIND],
    }),
  ],
};

const address: readonly FieldRule[] = [
  field('src_ip4', { read: NARROW }),
  field('src_ip6', { read: NARROW }),
  start('src_port', { read: NARROW }),
];

/** PTR_TO_SOCKET: a full socket. */
export const socket: ContextDef = {
  size,
  rules: [
    ...common,
    ...address,
    ...['bound_dev_if', 'mark', 'priority'].map((name) => start(name, { read: WORD })),
  ],
};

/** PTR_TO_SOCK_COMMON: what request and time-wait sockets have, too. */
export const sockCommon: ContextDef = {
  size,
  rules: [
    ...common.filter(({ from }) => from < 8 || from >= 24),
    ...address,
    start('bound_dev_if', { read: WORD }),
  ],
};

/**
 * PTR_TO_TCP_SOCK. The check also lets the upper halves of the two counters pass, but a load of
 * those is rejected later ("bpf verifier is misconfigured").
 */
export const tcpSock: ContextDef = {
  size: tcp.size,
  rules: [
    tcp.field('snd_cwnd..sacked_out', { read: WORD }),
    tcp.start('bytes_received', { read: DOUBLE }),
    tcp.start('bytes_acked', { read: DOUBLE }),
    tcp.field('dsack_dups..icsk_retransmits', { read: WORD }),
  ],
};

/** PTR_TO_XDP_SOCK. */
export const xdpSock: ContextDef = {
  size: xdp.size,
  rules: [xdp.start('queue_id', { read: WORD })],
};
