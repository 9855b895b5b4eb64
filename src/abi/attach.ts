/** Which programs go where: attach types and program types (kernel/bpf/syscall.c of Linux 6.12). */
import { enums } from './generated/6.12/enums.ts';
import { programTypeName } from './names.ts';

const attach = enums.bpf_attach_type;
const types = enums.bpf_prog_type;

/** Patterns of attach types by the type of program they take (attach_type_to_prog_type). */
const TAKEN: readonly (readonly [type: number, pattern: RegExp])[] = [
  [types.BPF_PROG_TYPE_CGROUP_SKB, /^CGROUP_INET_(IN|E)GRESS$/],
  [types.BPF_PROG_TYPE_CGROUP_SOCK, /^CGROUP_INET(_SOCK_(CREATE|RELEASE)|[46]_POST_BIND)$/],
  [
    types.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
    /^CGROUP_(INET[46]_BIND|(INET[46]|UNIX)_(CONNECT|GET(PEER|SOCK)NAME)|\w+_(SEND|RECV)MSG)$/,
  ],
  [types.BPF_PROG_TYPE_SOCK_OPS, /^CGROUP_SOCK_OPS$/],
  [types.BPF_PROG_TYPE_CGROUP_DEVICE, /^CGROUP_DEVICE$/],
  [types.BPF_PROG_TYPE_SK_MSG, /^SK_MSG_VERDICT$/],
  [types.BPF_PROG_TYPE_SK_SKB, /^SK_SKB_(STREAM_PARSER|STREAM_VERDICT|VERDICT)$/],
  [types.BPF_PROG_TYPE_LIRC_MODE2, /^LIRC_MODE2$/],
  [types.BPF_PROG_TYPE_FLOW_DISSECTOR, /^FLOW_DISSECTOR$/],
  [types.BPF_PROG_TYPE_CGROUP_SYSCTL, /^CGROUP_SYSCTL$/],
  [types.BPF_PROG_TYPE_CGROUP_SOCKOPT, /^CGROUP_[GS]ETSOCKOPT$/],
  [types.BPF_PROG_TYPE_TRACING, /^(TRACE_(ITER|RAW_TP|FENTRY|FEXIT)|MODIFY_RETURN)$/],
  [types.BPF_PROG_TYPE_LSM, /^LSM_(MAC|CGROUP)$/],
  [types.BPF_PROG_TYPE_SK_LOOKUP, /^SK_LOOKUP$/],
  [types.BPF_PROG_TYPE_XDP, /^XDP$/],
  [types.BPF_PROG_TYPE_SCHED_CLS, /^(TCX_(IN|E)GRESS|NETKIT_(PRIMARY|PEER))$/],
];

const byAttachType: ReadonlyMap<number, number> = new Map(
  Object.entries(attach).flatMap(([name, id]) => {
    const found = TAKEN.find(([, pattern]) => pattern.test(name.replace(/^BPF_/, '')));
    return found ? [[id, found[0]] as const] : [];
  }),
);

/** The type of program that an attach type takes, or undefined. */
export const attachTakes = (attachType: number): number | undefined => byAttachType.get(attachType);

/** Programs of a hook have an order that BPF_F_BEFORE and the like change (bpf_mprog). */
export const hasOrder = (type: number | undefined): boolean =>
  type === types.BPF_PROG_TYPE_SCHED_CLS;

const ORDERED: readonly number[] = [
  attach.BPF_TCX_INGRESS,
  attach.BPF_TCX_EGRESS,
  attach.BPF_NETKIT_PRIMARY,
  attach.BPF_NETKIT_PEER,
];

/** Places at devices whose programs are in an order: tcx, netkit. */
export const isOrdered = (attachType: number): boolean => ORDERED.includes(attachType);

const CGROUP = /^(cgroup_|sock_ops$)/;

/** Programs of cgroups; `attachType`: where it decides (LSM); undefined: wherever. */
export function isCgroupType(type: number | undefined, attachType?: number): boolean {
  if (type === undefined) return false;
  if (type === types.BPF_PROG_TYPE_LSM) {
    return attachType === undefined || attachType === attach.BPF_LSM_CGROUP;
  }
  return CGROUP.test(programTypeName(type));
}

const EXACT: readonly number[] = [
  types.BPF_PROG_TYPE_CGROUP_SOCK,
  types.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  types.BPF_PROG_TYPE_CGROUP_SOCKOPT,
  types.BPF_PROG_TYPE_SK_LOOKUP,
];
const OWN_CHECKS: ReadonlyMap<number, readonly number[]> = new Map([
  [types.BPF_PROG_TYPE_NETFILTER, [attach.BPF_NETFILTER]],
  [types.BPF_PROG_TYPE_PERF_EVENT, [attach.BPF_PERF_EVENT]],
  [types.BPF_PROG_TYPE_TRACEPOINT, [attach.BPF_PERF_EVENT]],
]);
const MULTI: readonly number[] = [
  attach.BPF_TRACE_KPROBE_MULTI,
  attach.BPF_TRACE_KPROBE_SESSION,
  attach.BPF_TRACE_UPROBE_MULTI,
];

/**
 * Whether a program of a type, loaded for an expected attach type, may be attached as `attachType`
 * (bpf_prog_attach_check_attach_type, without its question of capabilities).
 */
export function mayAttach(type: number, expected: number, attachType: number): boolean {
  if (type === types.BPF_PROG_TYPE_EXT) return true;
  if (EXACT.includes(type)) return attachType === expected;
  const own = OWN_CHECKS.get(type);
  if (own) return own.includes(attachType);
  if (type === types.BPF_PROG_TYPE_KPROBE) {
    if (MULTI.includes(expected)) return attachType === expected;
    return attachType === attach.BPF_PERF_EVENT || MULTI.includes(attachType);
  }
  return byAttachType.get(attachType) === type;
}
