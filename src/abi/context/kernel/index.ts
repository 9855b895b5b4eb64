/**
 * What contexts and sockets are in the kernel, by program type and by register type: what loads and
 * stores of accepted programs are turned into (convert_ctx_access of struct bpf_verifier_ops).
 */
import * as c from '../../generated/6.12/constants.ts';
import { registerTypes } from '../rules.ts';
import { perfEvent, sockAddr, sockopt, sysctl } from './cgroup.ts';
import { flowDissector, skb, skSkb, tcSkb, xdp } from './skb.ts';
import { skLookup, skMsg, skReuseport, sock, sockOps, tcpSock, xdpSock } from './sock.ts';
import type { KernelContext } from './types.ts';

const byProgram: ReadonlyMap<number, KernelContext> = new Map([
  [c.BPF_PROG_TYPE_SOCKET_FILTER, skb],
  [c.BPF_PROG_TYPE_SCHED_CLS, tcSkb],
  [c.BPF_PROG_TYPE_SCHED_ACT, tcSkb],
  [c.BPF_PROG_TYPE_XDP, xdp],
  [c.BPF_PROG_TYPE_PERF_EVENT, perfEvent],
  [c.BPF_PROG_TYPE_CGROUP_SKB, skb],
  [c.BPF_PROG_TYPE_CGROUP_SOCK, sock],
  [c.BPF_PROG_TYPE_LWT_IN, skb],
  [c.BPF_PROG_TYPE_LWT_OUT, skb],
  [c.BPF_PROG_TYPE_LWT_XMIT, skb],
  [c.BPF_PROG_TYPE_SOCK_OPS, sockOps],
  [c.BPF_PROG_TYPE_SK_SKB, skSkb],
  [c.BPF_PROG_TYPE_SK_MSG, skMsg],
  [c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, sockAddr],
  [c.BPF_PROG_TYPE_LWT_SEG6LOCAL, skb],
  [c.BPF_PROG_TYPE_SK_REUSEPORT, skReuseport],
  [c.BPF_PROG_TYPE_FLOW_DISSECTOR, flowDissector],
  [c.BPF_PROG_TYPE_CGROUP_SYSCTL, sysctl],
  [c.BPF_PROG_TYPE_CGROUP_SOCKOPT, sockopt],
  [c.BPF_PROG_TYPE_SK_LOOKUP, skLookup],
]);

/** Verdict of a program whose packet cannot be made its own, by program type: what drops it. */
const drops: ReadonlyMap<number, number> = new Map([
  [c.BPF_PROG_TYPE_SCHED_CLS, c.TC_ACT_SHOT],
  [c.BPF_PROG_TYPE_SCHED_ACT, c.TC_ACT_SHOT],
  [c.BPF_PROG_TYPE_LWT_XMIT, c.TC_ACT_SHOT],
  [c.BPF_PROG_TYPE_SK_SKB, 0],
]);

const bySocket: ReadonlyMap<number, KernelContext> = new Map([
  [registerTypes.PTR_TO_SOCKET, sock],
  [registerTypes.PTR_TO_SOCK_COMMON, sock],
  [registerTypes.PTR_TO_TCP_SOCK, tcpSock],
  [registerTypes.PTR_TO_XDP_SOCK, xdpSock],
]);

/** Undefined: the context is memory as it stands there. */
export const kernelContext = (programType: number): KernelContext | undefined =>
  byProgram.get(programType);

/** By register type without flags; undefined for what is no socket. */
export const kernelSocket = (registerType: number): KernelContext | undefined =>
  bySocket.get(registerType);

/**
 * Programs that write to packets others may hold too must get their own copy first; the verdict
 * when there is none. Undefined: packets of that program type are its own.
 */
export const uncloneVerdict = (programType: number): number | undefined => drops.get(programType);

export type { AfterLoad, KernelContext, KernelField, SpecialField } from './types.ts';
