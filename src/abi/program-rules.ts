/**
 * What the verifier and BPF_PROG_LOAD ask of a program type, beyond its context and helpers
 * (kernel/bpf/verifier.c, kernel/bpf/syscall.c of Linux 6.12).
 */
import * as c from './generated/6.12/constants.ts';
import { helperId } from './names.ts';

/** Access to packet bytes through pointers. */
export interface PacketAccess {
  readonly write: boolean;
  /** As memory of helpers: only where the prototype allows it, or always. */
  readonly helpers: 'prototype' | 'always';
}

export interface ProgramRules {
  /** Option of the kernel's configuration without which there is no such type. */
  readonly config?: string;
  /** Expected attach types it may be loaded with; undefined: the kernel takes every number. */
  readonly attachTypes?: readonly number[];
  /** Takes the place of an expected attach type of 0. */
  readonly defaultAttachType?: number;
  /** Capabilities to load it; CAP_SYS_ADMIN stands for the first two, CAP_SYS_ADMIN for all. */
  readonly needs: { readonly bpf: boolean; readonly netAdmin: boolean; readonly perfmon: boolean };
  /** Capability to attach it where it is asked for only then: anybody may load it. */
  readonly attachNeeds?: 'CAP_NET_ADMIN';
  /** Undefined: none. */
  readonly packet?: PacketAccess;
  /** BPF_LD_ABS and BPF_LD_IND. */
  readonly legacyPacketLoads: boolean;
  /** Runs at arbitrary points of the kernel: no locks, timers, lists in its maps. */
  readonly tracing: boolean;
  /** Attaches to something named by a BTF id, which the load must give. */
  readonly attachesByBtf: boolean;
  /** bpf_map_update_elem and bpf_map_delete_elem on sockmaps: allowed, delete only, not. */
  readonly sockmapUpdates: 'all' | 'delete' | 'none';
}

type Flags = Partial<ProgramRules>;

const NETWORK = { bpf: true, netAdmin: true, perfmon: false };
const TRACING = { bpf: true, netAdmin: false, perfmon: true };
const PLAIN = { bpf: true, netAdmin: false, perfmon: false };
const ANYONE = { bpf: false, netAdmin: false, perfmon: false };
const BOTH = { bpf: true, netAdmin: true, perfmon: true };

const READ: PacketAccess = { write: false, helpers: 'prototype' };
const READ_WRITE: PacketAccess = { write: true, helpers: 'prototype' };
/** The option's value, which is memory of the kernel, not a packet. */
const OPTION: PacketAccess = { write: true, helpers: 'always' };

const SOCK_ADDR = [
  c.BPF_CGROUP_INET4_BIND,
  c.BPF_CGROUP_INET6_BIND,
  c.BPF_CGROUP_INET4_CONNECT,
  c.BPF_CGROUP_INET6_CONNECT,
  c.BPF_CGROUP_UNIX_CONNECT,
  c.BPF_CGROUP_INET4_GETPEERNAME,
  c.BPF_CGROUP_INET6_GETPEERNAME,
  c.BPF_CGROUP_UNIX_GETPEERNAME,
  c.BPF_CGROUP_INET4_GETSOCKNAME,
  c.BPF_CGROUP_INET6_GETSOCKNAME,
  c.BPF_CGROUP_UNIX_GETSOCKNAME,
  c.BPF_CGROUP_UDP4_SENDMSG,
  c.BPF_CGROUP_UDP6_SENDMSG,
  c.BPF_CGROUP_UNIX_SENDMSG,
  c.BPF_CGROUP_UDP4_RECVMSG,
  c.BPF_CGROUP_UDP6_RECVMSG,
  c.BPF_CGROUP_UNIX_RECVMSG,
];

const SOCK = [
  c.BPF_CGROUP_INET_SOCK_CREATE,
  c.BPF_CGROUP_INET_SOCK_RELEASE,
  c.BPF_CGROUP_INET4_POST_BIND,
  c.BPF_CGROUP_INET6_POST_BIND,
];

function rules(needs: ProgramRules['needs'], flags: Flags = {}): ProgramRules {
  return {
    needs,
    legacyPacketLoads: false,
    tracing: false,
    attachesByBtf: false,
    sockmapUpdates: 'none',
    ...flags,
  };
}

const TC = rules(NETWORK, {
  packet: READ_WRITE,
  legacyPacketLoads: true,
  sockmapUpdates: 'all',
});
const LWT = rules(NETWORK, { packet: READ });

const table: ReadonlyMap<number, ProgramRules> = new Map([
  [
    c.BPF_PROG_TYPE_SOCKET_FILTER,
    rules(ANYONE, { legacyPacketLoads: true, sockmapUpdates: 'all' }),
  ],
  [c.BPF_PROG_TYPE_KPROBE, rules(TRACING, { tracing: true })],
  [c.BPF_PROG_TYPE_SCHED_CLS, TC],
  [c.BPF_PROG_TYPE_SCHED_ACT, TC],
  [c.BPF_PROG_TYPE_TRACEPOINT, rules(TRACING, { tracing: true })],
  [c.BPF_PROG_TYPE_XDP, rules(NETWORK, { packet: READ_WRITE, sockmapUpdates: 'all' })],
  [c.BPF_PROG_TYPE_PERF_EVENT, rules(TRACING, { tracing: true })],
  [
    c.BPF_PROG_TYPE_CGROUP_SKB,
    rules(ANYONE, {
      attachNeeds: 'CAP_NET_ADMIN',
      packet: READ,
      attachTypes: [c.BPF_CGROUP_INET_INGRESS, c.BPF_CGROUP_INET_EGRESS],
    }),
  ],
  [
    c.BPF_PROG_TYPE_CGROUP_SOCK,
    rules(NETWORK, { attachTypes: SOCK, defaultAttachType: c.BPF_CGROUP_INET_SOCK_CREATE }),
  ],
  [c.BPF_PROG_TYPE_LWT_IN, LWT],
  [c.BPF_PROG_TYPE_LWT_OUT, LWT],
  [c.BPF_PROG_TYPE_LWT_XMIT, rules(NETWORK, { packet: READ_WRITE })],
  [c.BPF_PROG_TYPE_SOCK_OPS, rules(NETWORK, { sockmapUpdates: 'delete' })],
  [c.BPF_PROG_TYPE_SK_SKB, rules(NETWORK, { packet: READ_WRITE })],
  [c.BPF_PROG_TYPE_CGROUP_DEVICE, rules(NETWORK)],
  [c.BPF_PROG_TYPE_SK_MSG, rules(NETWORK, { packet: READ_WRITE })],
  [c.BPF_PROG_TYPE_RAW_TRACEPOINT, rules(TRACING, { tracing: true })],
  [c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, rules(NETWORK, { attachTypes: SOCK_ADDR })],
  [c.BPF_PROG_TYPE_LWT_SEG6LOCAL, LWT],
  [c.BPF_PROG_TYPE_LIRC_MODE2, rules(PLAIN, { config: 'CONFIG_BPF_LIRC_MODE2' })],
  [
    c.BPF_PROG_TYPE_SK_REUSEPORT,
    rules(PLAIN, {
      packet: READ,
      sockmapUpdates: 'all',
      attachTypes: [c.BPF_SK_REUSEPORT_SELECT, c.BPF_SK_REUSEPORT_SELECT_OR_MIGRATE],
      defaultAttachType: c.BPF_SK_REUSEPORT_SELECT,
    }),
  ],
  [c.BPF_PROG_TYPE_FLOW_DISSECTOR, rules(NETWORK, { packet: READ, sockmapUpdates: 'all' })],
  [c.BPF_PROG_TYPE_CGROUP_SYSCTL, rules(NETWORK)],
  [c.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, rules(TRACING, { tracing: true })],
  [
    c.BPF_PROG_TYPE_CGROUP_SOCKOPT,
    rules(NETWORK, {
      packet: OPTION,
      attachTypes: [c.BPF_CGROUP_SETSOCKOPT, c.BPF_CGROUP_GETSOCKOPT],
    }),
  ],
  [c.BPF_PROG_TYPE_TRACING, rules(TRACING, { attachesByBtf: true })],
  [c.BPF_PROG_TYPE_STRUCT_OPS, rules(TRACING, { attachesByBtf: true })],
  [c.BPF_PROG_TYPE_EXT, rules(BOTH, { attachesByBtf: true, attachTypes: [0] })],
  [c.BPF_PROG_TYPE_LSM, rules(TRACING, { attachesByBtf: true })],
  [
    c.BPF_PROG_TYPE_SK_LOOKUP,
    rules(PLAIN, { sockmapUpdates: 'all', attachTypes: [c.BPF_SK_LOOKUP] }),
  ],
  [c.BPF_PROG_TYPE_SYSCALL, rules(PLAIN, { attachTypes: [0] })],
  [c.BPF_PROG_TYPE_NETFILTER, rules(NETWORK, { attachTypes: [c.BPF_NETFILTER] })],
]);

/** The rules of a program type (BPF_PROG_TYPE_* number); undefined if Linux has no such type. */
export function programRules(type: number): ProgramRules | undefined {
  return table.get(type);
}

/** BPF_PROG_TYPE_* of every program type Linux has, in order. */
export const programTypeNumbers: readonly number[] = [...table.keys()].sort((a, b) => a - b);

/** The expected attach type a load with `attachType` ends up with. */
export function loadAttachType(type: number, attachType: number): number {
  return attachType === 0 ? (table.get(type)?.defaultAttachType ?? 0) : attachType;
}

/** True if programs of the type may be loaded with that expected attach type. */
export function takesAttachType(type: number, attachType: number): boolean {
  const allowed = table.get(type)?.attachTypes;
  return !allowed || allowed.includes(loadAttachType(type, attachType));
}

const UPDATE = helperId('map_update_elem');
const DELETE = helperId('map_delete_elem');

/** True if a program may update (or delete from) a sockmap with the map helpers. */
export function mayUpdateSockmap(type: number, attachType: number, helper: number): boolean {
  if (helper !== UPDATE && helper !== DELETE) return false;
  if (type === c.BPF_PROG_TYPE_TRACING) return attachType === c.BPF_TRACE_ITER;
  const allowed = table.get(type)?.sockmapUpdates;
  return allowed === 'all' || (allowed === 'delete' && helper === DELETE);
}

const SLEEPABLE_TRACING = [
  c.BPF_TRACE_FENTRY,
  c.BPF_TRACE_FEXIT,
  c.BPF_MODIFY_RETURN,
  c.BPF_TRACE_ITER,
];

/** True if programs of that type and attach type may be loaded as sleepable. SYSCALL must be. */
export function canBeSleepable(type: number, attachType: number): boolean {
  if (type === c.BPF_PROG_TYPE_TRACING) return SLEEPABLE_TRACING.includes(attachType);
  if (type === c.BPF_PROG_TYPE_LSM) return attachType !== c.BPF_LSM_CGROUP;
  return (
    type === c.BPF_PROG_TYPE_KPROBE ||
    type === c.BPF_PROG_TYPE_STRUCT_OPS ||
    type === c.BPF_PROG_TYPE_SYSCALL
  );
}
