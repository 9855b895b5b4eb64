/**
 * What programs of each type may do with their context.
 *
 * @example
 * const rules = contextRules(BPF_PROG_TYPE_XDP, 0)!;
 * const result = rules.access(0, 4, READ, true);   // xdp_md.data
 * accessType(result);                              // PTR_TO_PACKET
 */
import { extensionAttachTypes } from '../extensions.ts';
import * as c from '../generated/6.12/constants.ts';
import { cgroupDevice, cgroupSockAddr, cgroupSockopt, cgroupSysctl } from './cgroup.ts';
import type { ContextDef } from './rules.ts';
import { ContextRules, registerTypes } from './rules.ts';
import { cgroupSkb, flowDissector, lwt, skSkb, socketFilter, tc } from './skb.ts';
import { cgroupSock, sockCommon, socket, tcpSock, xdpSock } from './sock.ts';
import { rxeContext } from '../rxe.ts';
import { skLookup, skMsg, skReuseport, sockOps } from './socket-hooks.ts';
import {
  btfArguments,
  kprobe,
  lircMode2,
  lsm,
  netfilter,
  perfEvent,
  rawTracepoint,
  rawTracepointWritable,
  syscall,
  tracepoint,
} from './tracing.ts';
import { xdp } from './xdp.ts';

/** By BPF_PROG_TYPE_*. EXT is absent: it has the context of the program it replaces. */
const contexts: ReadonlyMap<number, ContextDef> = new Map([
  [c.BPF_PROG_TYPE_SOCKET_FILTER, socketFilter],
  [c.BPF_PROG_TYPE_KPROBE, kprobe],
  [c.BPF_PROG_TYPE_SCHED_CLS, tc],
  [c.BPF_PROG_TYPE_SCHED_ACT, tc],
  [c.BPF_PROG_TYPE_TRACEPOINT, tracepoint],
  [c.BPF_PROG_TYPE_XDP, xdp],
  [c.BPF_PROG_TYPE_PERF_EVENT, perfEvent],
  [c.BPF_PROG_TYPE_CGROUP_SKB, cgroupSkb],
  [c.BPF_PROG_TYPE_CGROUP_SOCK, cgroupSock],
  [c.BPF_PROG_TYPE_LWT_IN, lwt],
  [c.BPF_PROG_TYPE_LWT_OUT, lwt],
  [c.BPF_PROG_TYPE_LWT_XMIT, lwt],
  [c.BPF_PROG_TYPE_SOCK_OPS, sockOps],
  [c.BPF_PROG_TYPE_SK_SKB, skSkb],
  [c.BPF_PROG_TYPE_CGROUP_DEVICE, cgroupDevice],
  [c.BPF_PROG_TYPE_SK_MSG, skMsg],
  [c.BPF_PROG_TYPE_RAW_TRACEPOINT, rawTracepoint],
  [c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, cgroupSockAddr],
  [c.BPF_PROG_TYPE_LWT_SEG6LOCAL, lwt],
  [c.BPF_PROG_TYPE_LIRC_MODE2, lircMode2],
  [c.BPF_PROG_TYPE_SK_REUSEPORT, skReuseport],
  [c.BPF_PROG_TYPE_FLOW_DISSECTOR, flowDissector],
  [c.BPF_PROG_TYPE_CGROUP_SYSCTL, cgroupSysctl],
  [c.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, rawTracepointWritable],
  [c.BPF_PROG_TYPE_CGROUP_SOCKOPT, cgroupSockopt],
  [c.BPF_PROG_TYPE_TRACING, btfArguments],
  [c.BPF_PROG_TYPE_STRUCT_OPS, btfArguments],
  [c.BPF_PROG_TYPE_LSM, lsm],
  [c.BPF_PROG_TYPE_SK_LOOKUP, skLookup],
  [c.BPF_PROG_TYPE_SYSCALL, syscall],
  [c.BPF_PROG_TYPE_NETFILTER, netfilter],
]);

/** Of the hooks that only beeyard has, by expected attach type. */
const extensions: ReadonlyMap<number, ContextDef> = new Map(
  Object.values(extensionAttachTypes).map((type) => [type, rxeContext]),
);

const known = new Map<number, ContextRules>();

/**
 * The rules for programs of a type (BPF_PROG_TYPE_*) and expected attach type, as BPF_PROG_LOAD
 * left it (`loadAttachType`). Undefined for EXT, which has the context of what it replaces, and for
 * types Linux does not have.
 */
export function contextRules(programType: number, attachType: number): ContextRules | undefined {
  const def = extensions.get(attachType) ?? contexts.get(programType);
  if (!def) return undefined;
  const key = programType * 256 + attachType;
  let rules = known.get(key);
  if (!rules) known.set(key, (rules = new ContextRules(def, attachType)));
  return rules;
}

const sockets: ReadonlyMap<number, ContextRules> = new Map([
  [registerTypes.PTR_TO_SOCKET, new ContextRules(socket, 0)],
  [registerTypes.PTR_TO_SOCK_COMMON, new ContextRules(sockCommon, 0)],
  [registerTypes.PTR_TO_TCP_SOCK, new ContextRules(tcpSock, 0)],
  [registerTypes.PTR_TO_XDP_SOCK, new ContextRules(xdpSock, 0)],
]);

/**
 * The rules for loads through a pointer to a socket, by its register type without flags. Undefined
 * for other pointers.
 */
export function socketRules(registerType: number): ContextRules | undefined {
  return sockets.get(registerType);
}

export { READ, READ_SIGNED, REFUSED, WRITE, accessFieldSize, accessType } from './rules.ts';
export type { ContextAccess } from './rules.ts';
export { ContextRules };
