/**
 * What a section name says about its program: the forms of `SEC("…")` that the libbpf of Linux 6.12
 * knows (`section_defs` in tools/lib/bpf/libbpf.c).
 */

export type SectionFlag = 'frags' | 'sleepable' | 'multi' | 'session';

export interface SectionForm {
  /** With '+' at the end: exactly this, or this, a slash and what to attach to. */
  readonly form: string;
  readonly type: string;
  readonly attachType: string | undefined;
  readonly flags: readonly SectionFlag[];
}

type Row = readonly [
  form: string,
  type: string,
  attachType?: string | undefined,
  ...flags: SectionFlag[],
];

const SOCKETS: readonly Row[] = [
  ['socket', 'socket_filter'],
  ['sk_reuseport/migrate', 'sk_reuseport', 'sk_reuseport_select_or_migrate'],
  ['sk_reuseport', 'sk_reuseport', 'sk_reuseport_select'],
  ['sockops', 'sock_ops', 'cgroup_sock_ops'],
  ['sk_skb/stream_parser', 'sk_skb', 'sk_skb_stream_parser'],
  ['sk_skb/stream_verdict', 'sk_skb', 'sk_skb_stream_verdict'],
  ['sk_skb/verdict', 'sk_skb', 'sk_skb_verdict'],
  ['sk_skb', 'sk_skb'],
  ['sk_msg', 'sk_msg', 'sk_msg_verdict'],
  ['sk_lookup', 'sk_lookup', 'sk_lookup'],
];

const PROBES: readonly Row[] = [
  ['kprobe+', 'kprobe'],
  ['uprobe+', 'kprobe'],
  ['uprobe.s+', 'kprobe', undefined, 'sleepable'],
  ['kretprobe+', 'kprobe'],
  ['uretprobe+', 'kprobe'],
  ['uretprobe.s+', 'kprobe', undefined, 'sleepable'],
  ['kprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'multi'],
  ['kretprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'multi'],
  ['kprobe.session+', 'kprobe', 'trace_kprobe_session', 'session'],
  ['uprobe.multi+', 'kprobe', 'trace_uprobe_multi', 'multi'],
  ['uretprobe.multi+', 'kprobe', 'trace_uprobe_multi', 'multi'],
  ['uprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', 'multi', 'sleepable'],
  ['uretprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', 'multi', 'sleepable'],
  ['ksyscall+', 'kprobe'],
  ['kretsyscall+', 'kprobe'],
  ['usdt+', 'kprobe'],
  ['usdt.s+', 'kprobe', undefined, 'sleepable'],
];

const PACKETS: readonly Row[] = [
  ['tc/ingress', 'sched_cls', 'tcx_ingress'],
  ['tc/egress', 'sched_cls', 'tcx_egress'],
  ['tcx/ingress', 'sched_cls', 'tcx_ingress'],
  ['tcx/egress', 'sched_cls', 'tcx_egress'],
  ['tc', 'sched_cls'],
  ['classifier', 'sched_cls'],
  ['action', 'sched_act'],
  ['netkit/primary', 'sched_cls', 'netkit_primary'],
  ['netkit/peer', 'sched_cls', 'netkit_peer'],
  ['xdp.frags/devmap', 'xdp', 'xdp_devmap', 'frags'],
  ['xdp/devmap', 'xdp', 'xdp_devmap'],
  ['xdp.frags/cpumap', 'xdp', 'xdp_cpumap', 'frags'],
  ['xdp/cpumap', 'xdp', 'xdp_cpumap'],
  ['xdp.frags', 'xdp', 'xdp', 'frags'],
  ['xdp', 'xdp', 'xdp'],
  ['lwt_in', 'lwt_in'],
  ['lwt_out', 'lwt_out'],
  ['lwt_xmit', 'lwt_xmit'],
  ['lwt_seg6local', 'lwt_seg6local'],
  ['flow_dissector', 'flow_dissector', 'flow_dissector'],
  ['netfilter', 'netfilter', 'netfilter'],
];

const TRACING: readonly Row[] = [
  ['tracepoint+', 'tracepoint'],
  ['tp+', 'tracepoint'],
  ['raw_tracepoint+', 'raw_tracepoint'],
  ['raw_tp+', 'raw_tracepoint'],
  ['raw_tracepoint.w+', 'raw_tracepoint_writable'],
  ['raw_tp.w+', 'raw_tracepoint_writable'],
  ['tp_btf+', 'tracing', 'trace_raw_tp'],
  ['fentry+', 'tracing', 'trace_fentry'],
  ['fmod_ret+', 'tracing', 'modify_return'],
  ['fexit+', 'tracing', 'trace_fexit'],
  ['fentry.s+', 'tracing', 'trace_fentry', 'sleepable'],
  ['fmod_ret.s+', 'tracing', 'modify_return', 'sleepable'],
  ['fexit.s+', 'tracing', 'trace_fexit', 'sleepable'],
  ['freplace+', 'ext'],
  ['lsm+', 'lsm', 'lsm_mac'],
  ['lsm.s+', 'lsm', 'lsm_mac', 'sleepable'],
  ['lsm_cgroup+', 'lsm', 'lsm_cgroup'],
  ['iter+', 'tracing', 'trace_iter'],
  ['iter.s+', 'tracing', 'trace_iter', 'sleepable'],
  ['syscall', 'syscall', undefined, 'sleepable'],
  ['perf_event', 'perf_event'],
  ['lirc_mode2', 'lirc_mode2', 'lirc_mode2'],
  ['struct_ops+', 'struct_ops'],
  ['struct_ops.s+', 'struct_ops', undefined, 'sleepable'],
];

const CGROUPS: readonly Row[] = [
  ['cgroup_skb/ingress', 'cgroup_skb', 'cgroup_inet_ingress'],
  ['cgroup_skb/egress', 'cgroup_skb', 'cgroup_inet_egress'],
  ['cgroup/skb', 'cgroup_skb'],
  ['cgroup/sock_create', 'cgroup_sock', 'cgroup_inet_sock_create'],
  ['cgroup/sock_release', 'cgroup_sock', 'cgroup_inet_sock_release'],
  ['cgroup/sock', 'cgroup_sock', 'cgroup_inet_sock_create'],
  ['cgroup/post_bind4', 'cgroup_sock', 'cgroup_inet4_post_bind'],
  ['cgroup/post_bind6', 'cgroup_sock', 'cgroup_inet6_post_bind'],
  ['cgroup/bind4', 'cgroup_sock_addr', 'cgroup_inet4_bind'],
  ['cgroup/bind6', 'cgroup_sock_addr', 'cgroup_inet6_bind'],
  ['cgroup/connect4', 'cgroup_sock_addr', 'cgroup_inet4_connect'],
  ['cgroup/connect6', 'cgroup_sock_addr', 'cgroup_inet6_connect'],
  ['cgroup/connect_unix', 'cgroup_sock_addr', 'cgroup_unix_connect'],
  ['cgroup/sendmsg4', 'cgroup_sock_addr', 'cgroup_udp4_sendmsg'],
  ['cgroup/sendmsg6', 'cgroup_sock_addr', 'cgroup_udp6_sendmsg'],
  ['cgroup/sendmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_sendmsg'],
  ['cgroup/recvmsg4', 'cgroup_sock_addr', 'cgroup_udp4_recvmsg'],
  ['cgroup/recvmsg6', 'cgroup_sock_addr', 'cgroup_udp6_recvmsg'],
  ['cgroup/recvmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_recvmsg'],
  ['cgroup/getpeername4', 'cgroup_sock_addr', 'cgroup_inet4_getpeername'],
  ['cgroup/getpeername6', 'cgroup_sock_addr', 'cgroup_inet6_getpeername'],
  ['cgroup/getpeername_unix', 'cgroup_sock_addr', 'cgroup_unix_getpeername'],
  ['cgroup/getsockname4', 'cgroup_sock_addr', 'cgroup_inet4_getsockname'],
  ['cgroup/getsockname6', 'cgroup_sock_addr', 'cgroup_inet6_getsockname'],
  ['cgroup/getsockname_unix', 'cgroup_sock_addr', 'cgroup_unix_getsockname'],
  ['cgroup/sysctl', 'cgroup_sysctl', 'cgroup_sysctl'],
  ['cgroup/getsockopt', 'cgroup_sockopt', 'cgroup_getsockopt'],
  ['cgroup/setsockopt', 'cgroup_sockopt', 'cgroup_setsockopt'],
  ['cgroup/dev', 'cgroup_device', 'cgroup_device'],
];

/** Not of libbpf: hooks that only beeyard has (include/beeyard/rxe.h). */
const EXTENSIONS: readonly SectionForm[] = ['rx', 'tx'].map((way) => ({
  form: `rxe/${way}`,
  type: 'syscall',
  attachType: `rxe_${way}`,
  flags: ['sleepable'],
}));

/** Every form, no two of which match the same name. */
export const SECTION_FORMS: readonly SectionForm[] = [
  SOCKETS,
  PROBES,
  PACKETS,
  TRACING,
  CGROUPS,
].flatMap((rows) =>
  rows.map(([form, type, attachType, ...flags]) => ({ form, type, attachType, flags })),
);

/**
 * Names with a suffix that libbpf before 1.0 took and iproute2 still does: 'classifier/ingress'.
 */
const LOOSE_FORMS = ['xdp', 'tc', 'classifier', 'action', 'socket', 'sockops', 'sk_skb', 'sk_msg'];

export interface SectionMeaning {
  readonly type: string | undefined;
  readonly attachType: string | undefined;
  readonly attachTarget: string | undefined;
  readonly flags: readonly SectionFlag[];
}

/**
 * What the name of a program section means; all undefined for a name of no known form. A leading
 * '?' (do not load by default) is not looked at.
 */
export function sectionMeaning(section: string): SectionMeaning {
  const name = section.startsWith('?') ? section.slice(1) : section;
  for (const { form, type, attachType, flags } of [...SECTION_FORMS, ...EXTENSIONS]) {
    const attachTarget = matchForm(form, name);
    if (attachTarget !== false) return { type, attachType, attachTarget, flags };
  }
  const slash = name.indexOf('/');
  if (slash > 0 && LOOSE_FORMS.includes(name.slice(0, slash))) {
    return { ...sectionMeaning(name.slice(0, slash)), attachTarget: name.slice(slash + 1) };
  }
  return { type: undefined, attachType: undefined, attachTarget: undefined, flags: [] };
}

/** What stands after the slash if `name` has this form, else false. */
function matchForm(form: string, name: string): string | undefined | false {
  if (name === form) return undefined;
  if (!form.endsWith('+')) return false;
  const stem = form.slice(0, -1);
  if (name === stem) return undefined;
  return name.startsWith(`${stem}/`) ? name.slice(stem.length + 1) : false;
}
