import type { HostHelper } from '../types.ts';
import { skbCheckMtu, skbFibLookup, xdpCheckMtu, xdpFibLookup } from './fib.ts';
import {
  assignSocket,
  cloneRedirect,
  messageChange,
  selectReuseport,
  seqWrite,
  socketCast,
  socketCookie,
  socketLookup,
  steerToSocket,
} from './network.ts';
import { seqPrintf, snprintf, tracePrintk, traceVprintk } from './printk.ts';
import { socketHelpers } from './sockets.ts';
import { currentTask, taskRegisters } from './tasks.ts';
import { rxMetadata } from './xdp-metadata.ts';

/** A helper body in JavaScript and the number of its parameters. */
export interface HostBody {
  readonly arity: number;
  readonly body: HostHelper;
}

/** Structs of bpf_skc_to_*. */
const CASTS = [
  'tcp_sock',
  'tcp6_sock',
  'tcp_timewait_sock',
  'tcp_request_sock',
  'udp6_sock',
  'unix_sock',
  'mptcp_sock',
];

/**
 * Bodies in JavaScript, by the name of the helper or kernel function; by what the kernel calls it
 * if there is one body per kind of context. createRuntime finds them here.
 */
export const hostHelpers: ReadonlyMap<string, HostBody> = new Map<string, HostBody>([
  ['bpf_trace_printk', { arity: 5, body: tracePrintk }],
  ['bpf_trace_vprintk', { arity: 4, body: traceVprintk }],
  ['bpf_snprintf', { arity: 5, body: snprintf }],
  ['bpf_xdp_fib_lookup', { arity: 4, body: xdpFibLookup }],
  ['bpf_skb_fib_lookup', { arity: 4, body: skbFibLookup }],
  ['bpf_xdp_check_mtu', { arity: 5, body: xdpCheckMtu }],
  ['bpf_skb_check_mtu', { arity: 5, body: skbCheckMtu }],
  ['bpf_get_current_task', { arity: 0, body: currentTask }],
  ['bpf_get_current_task_btf', { arity: 0, body: currentTask }],
  ['bpf_task_pt_regs', { arity: 1, body: taskRegisters }],
  ['bpf_clone_redirect', { arity: 3, body: cloneRedirect }],
  ['bpf_sk_assign', { arity: 3, body: assignSocket }],
  ['bpf_sk_lookup_assign', { arity: 3, body: steerToSocket }],
  ...CASTS.map((name) => [`bpf_skc_to_${name}`, { arity: 1, body: socketCast(name) }] as const),
  ['bpf_get_socket_ptr_cookie', { arity: 1, body: socketCookie }],
  ['bpf_msg_pull_data', { arity: 4, body: messageChange('pull') }],
  ['bpf_msg_push_data', { arity: 4, body: messageChange('push') }],
  ['bpf_msg_pop_data', { arity: 4, body: messageChange('pop') }],
  ['sk_select_reuseport', { arity: 4, body: selectReuseport }],
  ['bpf_seq_write', { arity: 3, body: seqWrite }],
  ['bpf_seq_printf', { arity: 5, body: seqPrintf }],
  ['bpf_sk_lookup_tcp', { arity: 5, body: socketLookup('tcp', false) }],
  ['bpf_sk_lookup_udp', { arity: 5, body: socketLookup('udp', false) }],
  ['bpf_skc_lookup_tcp', { arity: 5, body: socketLookup('tcp', true) }],
  ...rxMetadata,
  ...socketHelpers,
]);
