/** The kinds of programs that are asked for: type, expected attach type, target, sleepable or not. */
import { enums, loadAttachType, programRules, programTypeId } from '../../dist/abi/index.js';
import { btfSets } from '../../dist/abi/generated/6.12/btf-sets.js';

const F_SLEEPABLE = 1 << 4;

const attachNames = (type) => programRules(programTypeId(type)).attachTypes.map(attachName);

function attachName(id) {
  return Object.keys(enums.bpf_attach_type).find((name) => enums.bpf_attach_type[name] === id);
}

/** Types without a target: the expected attach types that are of interest (null: 0). */
const PLAIN = {
  socket_filter: [null],
  kprobe: [null, 'BPF_TRACE_KPROBE_MULTI', 'BPF_TRACE_UPROBE_MULTI', 'BPF_TRACE_KPROBE_SESSION'],
  sched_cls: [null, 'BPF_TCX_INGRESS'],
  sched_act: [null],
  tracepoint: [null],
  xdp: [null, 'BPF_XDP_DEVMAP', 'BPF_XDP_CPUMAP', 'BPF_XDP'],
  perf_event: [null],
  cgroup_skb: attachNames('cgroup_skb'),
  cgroup_sock: attachNames('cgroup_sock'),
  lwt_in: [null],
  lwt_out: [null],
  lwt_xmit: [null],
  sock_ops: ['BPF_CGROUP_SOCK_OPS', null],
  sk_skb: [null, 'BPF_SK_SKB_STREAM_PARSER', 'BPF_SK_SKB_STREAM_VERDICT', 'BPF_SK_SKB_VERDICT'],
  cgroup_device: ['BPF_CGROUP_DEVICE', null],
  sk_msg: ['BPF_SK_MSG_VERDICT'],
  raw_tracepoint: [null],
  cgroup_sock_addr: attachNames('cgroup_sock_addr'),
  lwt_seg6local: [null],
  sk_reuseport: attachNames('sk_reuseport'),
  flow_dissector: ['BPF_FLOW_DISSECTOR'],
  cgroup_sysctl: ['BPF_CGROUP_SYSCTL', null],
  raw_tracepoint_writable: [null],
  cgroup_sockopt: attachNames('cgroup_sockopt'),
  sk_lookup: attachNames('sk_lookup'),
  syscall: [null],
  netfilter: attachNames('netfilter'),
};

const MAC_HOOKS =
  'file_open task_free sk_alloc_security sock_graft socket_post_create bprm_committed_creds ' +
  'cred_prepare bpf inode_getattr sk_clone_security inet_conn_established task_prctl ' +
  'inode_xattr_skipcap';
const CGROUP_HOOKS =
  'file_open task_free sk_alloc_security socket_post_create socket_bind sock_graft ' +
  'sk_clone_security inet_conn_established socket_socketpair';
const TCP_MEMBERS = [
  'init',
  'ssthresh',
  'cong_avoid',
  'set_state',
  'undo_cwnd',
  'cong_control',
  'release',
];
const DUMMY_MEMBERS = ['test_1', 'test_2', 'test_sleepable'];

const hooks = (names) => names.split(' ').map((name) => `bpf_lsm_${name}`);

/** Programs without a target; SYSCALL programs must be sleepable. */
export const plainKinds = Object.entries(PLAIN).flatMap(([type, attaches]) =>
  attaches.map((attach) => ({ type, attach, ...(type === 'syscall' && { sleepable: true }) })),
);

const sleepableProbes = [
  { type: 'kprobe', attach: null, sleepable: true },
  { type: 'kprobe', attach: 'BPF_TRACE_UPROBE_MULTI', sleepable: true },
];

const tracing = (attach, target, sleepable = false) => ({
  type: 'tracing',
  attach: `BPF_${attach}`,
  target,
  ...(sleepable && { sleepable }),
});

const tracingKinds = [
  ...['TRACE_FENTRY', 'TRACE_FEXIT'].flatMap((attach) => [
    tracing(attach, 'bpf_fentry_test1'),
    tracing(attach, 'bpf_fentry_test1', true),
  ]),
  tracing('MODIFY_RETURN', 'bpf_modify_return_test'),
  tracing('MODIFY_RETURN', 'bpf_fentry_test1', true),
  tracing('TRACE_RAW_TP', 'sched_switch'),
  tracing('TRACE_ITER', 'bpf_iter_task'),
  tracing('TRACE_ITER', 'bpf_iter_task', true),
  tracing('TRACE_ITER', 'bpf_iter_tcp'),
  tracing('TRACE_FENTRY', 'vfs_truncate'),
];

const lsmKinds = [
  ...hooks(MAC_HOOKS).flatMap((target) => [
    { type: 'lsm', attach: 'BPF_LSM_MAC', target },
    ...(btfSets.sleepable_lsm_hooks.includes(target)
      ? [{ type: 'lsm', attach: 'BPF_LSM_MAC', target, sleepable: true }]
      : []),
  ]),
  ...hooks(CGROUP_HOOKS).map((target) => ({ type: 'lsm', attach: 'BPF_LSM_CGROUP', target })),
];

function structOps(btf, target, member, sleepable = false) {
  const { members } = btf.type(btf.find('struct', target));
  const attach = members.findIndex(({ name }) => name === member);
  return { type: 'struct_ops', attach, target, member, ...(sleepable && { sleepable }) };
}

/** Every kind, with and without target. */
export const allKinds = (btf) => [
  ...plainKinds,
  ...sleepableProbes,
  ...tracingKinds,
  ...lsmKinds,
  ...TCP_MEMBERS.map((member) => structOps(btf, 'tcp_congestion_ops', member)),
  ...DUMMY_MEMBERS.map((member) => structOps(btf, 'bpf_dummy_ops', member)),
  structOps(btf, 'bpf_dummy_ops', 'test_sleepable', true),
];

function targetId(btf, { type, attach, target }) {
  if (!target) return 0;
  if (type === 'struct_ops') return btf.find('struct', target);
  if (attach === 'BPF_TRACE_RAW_TP') return btf.find('typedef', `btf_trace_${target}`);
  return btf.find('func', target);
}

/** The numbers BPF_PROG_LOAD gets for a kind. */
export function loadOf(btf, kind, more = {}) {
  const type = programTypeId(kind.type);
  const named = typeof kind.attach === 'string' ? enums.bpf_attach_type[kind.attach] : kind.attach;
  return {
    type,
    attach: kind.type === 'struct_ops' ? named : loadAttachType(type, named ?? 0),
    target: targetId(btf, kind),
    flags: kind.sleepable ? F_SLEEPABLE : 0,
    ...more,
  };
}

/** A return value the type may end with. */
export const endValue = (type) => (type === 'lwt_seg6local' ? 0 : 1);
