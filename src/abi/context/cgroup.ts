/** Control group hooks with contexts of their own (kernel/bpf/cgroup.c, net/core/filter.c). */
import * as c from '../generated/6.12/constants.ts';
import type { ContextDef } from './rules.ts';
import { DOUBLE, NARROW, WORD, fieldsOf, registerTypes } from './rules.ts';

const { PTR_TO_SOCKET, PTR_TO_PACKET, PTR_TO_PACKET_END } = registerTypes;

const INET4 = [
  c.BPF_CGROUP_INET4_BIND,
  c.BPF_CGROUP_INET4_CONNECT,
  c.BPF_CGROUP_INET4_GETPEERNAME,
  c.BPF_CGROUP_INET4_GETSOCKNAME,
  c.BPF_CGROUP_UDP4_SENDMSG,
  c.BPF_CGROUP_UDP4_RECVMSG,
];
const INET6 = [
  c.BPF_CGROUP_INET6_BIND,
  c.BPF_CGROUP_INET6_CONNECT,
  c.BPF_CGROUP_INET6_GETPEERNAME,
  c.BPF_CGROUP_INET6_GETSOCKNAME,
  c.BPF_CGROUP_UDP6_SENDMSG,
  c.BPF_CGROUP_UDP6_RECVMSG,
];
/** IPv6 addresses may also be accessed by halves, where those are aligned. */
const WIDE = { read: { 8: 4 }, write: DOUBLE, fits: true } as const;
const ADDRESS = { read: NARROW, write: WORD } as const;

const addr = fieldsOf('bpf_sock_addr');

export const cgroupSockAddr: ContextDef = {
  size: addr.size,
  rules: [
    addr.field('user_ip4', { ...ADDRESS, attach: INET4 }),
    addr.field('user_ip6', { ...ADDRESS, attach: INET6 }),
    addr.field('user_ip6', { ...WIDE, attach: INET6 }),
    addr.field('user_port', ADDRESS),
    addr.field('msg_src_ip4', { ...ADDRESS, attach: [c.BPF_CGROUP_UDP4_SENDMSG] }),
    addr.field('msg_src_ip6', { ...ADDRESS, attach: [c.BPF_CGROUP_UDP6_SENDMSG] }),
    addr.field('msg_src_ip6', { ...WIDE, attach: [c.BPF_CGROUP_UDP6_SENDMSG] }),
    addr.field('user_family', { read: WORD }),
    addr.field('family..protocol', { read: WORD }),
    addr.field('sk', { read: DOUBLE, gives: PTR_TO_SOCKET }),
  ],
};

const opt = fieldsOf('bpf_sockopt');

export const cgroupSockopt: ContextDef = {
  size: opt.size,
  rules: [
    opt.field('sk', { read: DOUBLE, gives: PTR_TO_SOCKET }),
    opt.field('optval', { read: DOUBLE, gives: PTR_TO_PACKET }),
    opt.field('optval_end', { read: DOUBLE, gives: PTR_TO_PACKET_END }),
    opt.field('level..optname', { read: WORD }),
    opt.field('level..optname', { write: WORD, attach: [c.BPF_CGROUP_SETSOCKOPT] }),
    opt.field('optlen', { read: WORD, write: WORD }),
    opt.field('retval', { read: WORD, write: WORD, attach: [c.BPF_CGROUP_GETSOCKOPT] }),
  ],
};

const sysctl = fieldsOf('bpf_sysctl');

export const cgroupSysctl: ContextDef = {
  size: sysctl.size,
  rules: [
    sysctl.field('write', { read: NARROW }),
    sysctl.field('file_pos', { read: NARROW, write: WORD }),
  ],
};

const device = fieldsOf('bpf_cgroup_dev_ctx');

export const cgroupDevice: ContextDef = {
  size: device.size,
  rules: [
    device.field('access_type', { read: NARROW }),
    device.field('major..minor', { read: WORD }),
  ],
  plain: true,
};
