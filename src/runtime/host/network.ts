/** Helpers that reach beyond the packet: other devices, sockets (net/core/filter.c). */
import { objectPointer, socketPointer } from './pointers.ts';
import { constants, errnos } from '../../abi/index.ts';
import { SKB_DATA, SKB_DATA_END, SKB_GSO_SIZE, SKB_GSO_TYPE } from '../layout.ts';
import type { HostCall, SocketQuery } from '../types.ts';

/** BPF_F_NEIGH, BPF_F_PEER and BPF_F_NEXTHOP of net/core/filter.c: not for programs. */
const INTERNAL_FLAGS = 7n << 16n;

/** Sends a copy of the packet out of (or, with BPF_F_INGRESS, into) another device. */
export function cloneRedirect(call: HostCall): void {
  const { host } = call.runtime;
  const words = call.runtime.u32();
  const skb = call.u32(0) >>> 2;
  const refused = ~BigInt(constants.BPF_F_INGRESS) | INTERNAL_FLAGS;
  if ((call.u64(2) & refused) !== 0n) return call.returnInt(-errnos['EINVAL']!);
  if (words[skb + SKB_GSO_SIZE / 4] !== 0 && words[skb + SKB_GSO_TYPE / 4] === 0) {
    return call.returnInt(-errnos['EBADMSG']!);
  }
  if (!host.devices.has(call.u32(1))) return call.returnInt(-errnos['EINVAL']!);
  const packet = call.runtime.u8().slice(words[skb + SKB_DATA / 4], words[skb + SKB_DATA_END / 4]);
  call.returnInt(host.cloneRedirect?.(packet, call.u32(1), call.u32(2)) ?? 0);
}

/** bpf_sk_assign of tc programs: (skb, socket, flags). */
export function assignSocket(call: HostCall): void {
  const assign = call.runtime.host.assignSocket;
  call.returnInt(assign ? assign(call.u32(1), call.u64(2)) : -errnos['EOPNOTSUPP']!);
}

/** bpf_sk_assign of sk_lookup programs: (context, socket or NULL, flags). */
export function steerToSocket(call: HostCall): void {
  const steer = call.runtime.host.steerTo;
  call.returnInt(steer ? steer(call.u32(0), call.u32(1), call.u64(2)) : -errnos['EOPNOTSUPP']!);
}

/** Body of bpf_msg_pull_data and kin: (msg, start, end or length, flags). */
export function messageChange(what: 'pull' | 'push' | 'pop'): (call: HostCall) => void {
  return (call) => {
    const change = call.runtime.host.changeMessage;
    const result = change?.(what, call.u32(1), call.u32(2), call.u64(3));
    call.returnInt(result ?? -errnos['EINVAL']!);
  };
}

/** bpf_sk_select_reuseport: (context, map, key, flags). */
export function selectReuseport(call: HostCall): void {
  const select = call.runtime.host.selectReuseport;
  call.returnInt(select?.(call.u32(0), call.u32(1), call.u32(2)) ?? -errnos['ENOENT']!);
}

/** Body of bpf_skc_to_tcp_sock and kin: the socket as the kernel's struct, or NULL. */
export function socketCast(struct: string): (call: HostCall) => void {
  return (call) => {
    const at = call.runtime.host.kernelSocket?.(call.u32(0), struct) ?? 0;
    call.returnU64(at === 0 ? 0n : objectPointer(at));
  };
}

/** bpf_get_socket_cookie of programs that have a pointer to a socket. */
export function socketCookie(call: HostCall): void {
  call.returnInt(call.runtime.host.socketCookie?.(call.u32(0)) ?? 0);
}

/** bpf_seq_write(seq, data, size). */
export function seqWrite(call: HostCall): void {
  const [at, size] = [call.u32(1), call.u32(2)];
  const fits = call.runtime.host.seqWrite?.(call.runtime.u8().slice(at, at + size)) ?? false;
  call.returnInt(fits ? 0 : -errnos['EOVERFLOW']!);
}

const IPV4_TUPLE = 12;
const IPV6_TUPLE = 36;

/** Body of bpf_sk_lookup_tcp and kin: (ctx, tuple, size, netns, flags) → socket or NULL. */
export function socketLookup(protocol: 'tcp' | 'udp', any: boolean): (call: HostCall) => void {
  return (call) => {
    const query = readQuery(call, protocol, any);
    const found = query ? (call.runtime.host.lookupSocket?.(query) ?? 0) : 0;
    if (found === 0) return call.returnInt(0);
    call.returnU64(socketPointer(call.runtime, found));
  };
}

function readQuery(call: HostCall, protocol: 'tcp' | 'udp', any: boolean): SocketQuery | undefined {
  const [at, size] = [call.u32(1), call.u32(2)];
  const netns = call.u64(3);
  const ownNetns = BigInt.asIntN(32, netns) < 0n;
  if ((size !== IPV4_TUPLE && size !== IPV6_TUPLE) || call.u64(4) !== 0n) return undefined;
  if (!ownNetns && netns > 0x7fffffffn) return undefined;
  const address = size === IPV4_TUPLE ? 4 : 16;
  const memory = call.runtime.u8();
  const view = call.runtime.view();
  return {
    protocol,
    any,
    source: memory.slice(at, at + address),
    destination: memory.slice(at + address, at + 2 * address),
    sourcePort: view.getUint16(at + 2 * address),
    destinationPort: view.getUint16(at + 2 * address + 2),
    netns: ownNetns ? -1 : Number(netns),
  };
}
