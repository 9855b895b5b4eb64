/** Contexts of control group hooks and of perf events (cgroup.c, filter.c, bpf_trace.c). */
import { PT_REGS } from '../tracing.ts';
import type { KernelContext, KernelField } from './types.ts';

const KERN = 'bpf_sock_addr_kern';
const SCRATCH = `${KERN}.tmp_reg`;
const given = (member: string, rest: Partial<KernelField> = {}): KernelField => ({
  path: `${KERN}.uaddr > ${member}`,
  scratch: SCRATCH,
  ...rest,
});
const PART = { width: 'asked', inside: true, whole: 4 } as const;

export const sockAddr: KernelContext = {
  struct: 'bpf_sock_addr',
  fields: {
    user_family: given('sockaddr.sa_family'),
    user_ip4: given('sockaddr_in.sin_addr', { width: 'asked' }),
    user_ip6: given('sockaddr_in6.sin6_addr', PART),
    user_port: given('sockaddr_in6.sin6_port', { width: 'asked', atMost: 2 }),
    family: { path: `${KERN}.sk > sock.__sk_common.skc_family` },
    type: { path: `${KERN}.sk > sock.sk_type` },
    protocol: { path: `${KERN}.sk > sock.sk_protocol` },
    msg_src_ip4: { path: `${KERN}.t_ctx > in_addr.s_addr`, width: 'asked', scratch: SCRATCH },
    msg_src_ip6: { path: `${KERN}.t_ctx > in6_addr.in6_u`, scratch: SCRATCH, ...PART },
    sk: { path: `${KERN}.sk` },
  },
};

export const sysctl: KernelContext = {
  struct: 'bpf_sysctl',
  fields: {
    write: { path: 'bpf_sysctl_kern.write', width: 'asked' },
    file_pos: {
      path: 'bpf_sysctl_kern.ppos >',
      width: 'asked',
      whole: 4,
      scratch: 'bpf_sysctl_kern.tmp_reg',
    },
  },
};

const ofSockopt = (member: string): KernelField => ({ path: `bpf_sockopt_kern.${member}` });

export const sockopt: KernelContext = {
  struct: 'bpf_sockopt',
  fields: {
    sk: ofSockopt('sk'),
    optval: ofSockopt('optval'),
    optval_end: ofSockopt('optval_end'),
    level: ofSockopt('level'),
    optname: ofSockopt('optname'),
    optlen: ofSockopt('optlen'),
    retval: {
      path: 'bpf_sockopt_kern.current_task > task_struct.bpf_ctx > bpf_cg_run_ctx.retval',
      scratch: 'bpf_sockopt_kern.tmp_reg',
    },
  },
};

const PERF = 'bpf_perf_event_data_kern';

export const perfEvent: KernelContext = {
  struct: 'bpf_perf_event_data',
  // Behind the registers.
  layout: [
    { name: 'sample_period', offset: PT_REGS, size: 8 },
    { name: 'addr', offset: PT_REGS + 8, size: 8 },
  ],
  fields: {
    sample_period: { path: `${PERF}.data > perf_sample_data.period` },
    addr: { path: `${PERF}.data > perf_sample_data.addr` },
  },
  // The registers, where they were when the event came.
  others: { path: `${PERF}.regs >`, width: 8, inside: true },
};
