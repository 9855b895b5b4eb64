/** Sockets that a lookup returned (net/core/filter.c). Their record is described in layout.ts. */
import {
  SOCK_ADDR_SK,
  SOCK_OPS_SK,
  SOCKET_CGROUP,
  SOCKET_LISTENER,
  SOCKET_NETNS_COOKIE,
  SOCKET_PROTOCOL,
  SOCKET_STATE,
  SOCKET_TCP,
} from '../layout';
import { ancestorId, cgroupId } from '../core/owner';

const TCP_TIME_WAIT: u32 = 6;
const TCP_LISTEN: u32 = 10;
const TCP_NEW_SYN_RECV: u32 = 12;
const IPPROTO_TCP: u32 = 6;

/** Time-wait and request sockets are less than a socket. */
function isFull(socket: u64): bool {
  const state = load<u32>(<u32>socket, SOCKET_STATE);
  return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

export function bpf_sk_fullsock(socket: u64): u64 {
  return isFull(socket) ? socket : 0;
}

export function bpf_tcp_sock(socket: u64): u64 {
  const tcp = isFull(socket) && load<u32>(<u32>socket, SOCKET_PROTOCOL) == IPPROTO_TCP;
  return tcp ? socket + SOCKET_TCP : 0;
}

export function bpf_get_listener_sock(socket: u64): u64 {
  const state = load<u32>(<u32>socket, SOCKET_STATE);
  if (state == TCP_NEW_SYN_RECV) return load<u64>(<u32>socket, SOCKET_LISTENER);
  return state == TCP_LISTEN ? socket : 0;
}

/** Sockets belong to the machine; the program's reference needs no counting. */
export function bpf_sk_release(socket: u64): u64 {
  return 0;
}

/** 0 for what is less than a socket. */
export function bpf_sk_cgroup_id(socket: u64): u64 {
  return isFull(socket) ? cgroupId(load<u32>(<u32>socket, SOCKET_CGROUP)) : 0;
}

export function bpf_sk_ancestor_cgroup_id(socket: u64, level: u64): u64 {
  return isFull(socket) ? ancestorId(load<u32>(<u32>socket, SOCKET_CGROUP), level) : 0;
}

/** The first namespace's cookie, without a socket; contexts are the socket's record itself. */
export function bpf_get_netns_cookie_sock(socket: u64): u64 {
  return socket == 0 ? 1 : load<u64>(<u32>socket, SOCKET_NETNS_COOKIE);
}

export function bpf_get_netns_cookie_sock_addr(context: u64): u64 {
  return bpf_get_netns_cookie_sock(context == 0 ? 0 : load<u64>(<u32>context, SOCK_ADDR_SK));
}

export function bpf_get_netns_cookie_sock_ops(context: u64): u64 {
  return bpf_get_netns_cookie_sock(context == 0 ? 0 : load<u64>(<u32>context, SOCK_OPS_SK));
}
