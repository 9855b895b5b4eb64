/** What the machine's sockets ask of programs of their cgroups (kernel/bpf/cgroup.c). */
import { socketPointer } from '../../../runtime/index.ts';
import { constants } from '../../../abi/index.ts';
import type { SocketAddress } from '../../../kernel/index.ts';
import { throwRetval } from '../../cgroup/retval.ts';
import type { Machine } from '../../machine.ts';
import { addressText, ipAddress } from '../ip/text.ts';
import { isAny, mapped, unmapped } from '../sockets/address.ts';
import type { Sockets } from '../sockets/layer.ts';
import type { Socket } from '../sockets/socket.ts';
import { Context } from './context.ts';
import { PacketHooks } from './packets.ts';
import { SockOps } from './sock-ops.ts';
import { SocketOptionHooks } from './sockopt.ts';

const c = constants;
const AF = { 4: 2, 6: 10 } as const;

/** By what a call does: attach types of IPv4 and IPv6. */
const ADDRESS = {
  bind: [c.BPF_CGROUP_INET4_BIND, c.BPF_CGROUP_INET6_BIND],
  connect: [c.BPF_CGROUP_INET4_CONNECT, c.BPF_CGROUP_INET6_CONNECT],
  sendmsg: [c.BPF_CGROUP_UDP4_SENDMSG, c.BPF_CGROUP_UDP6_SENDMSG],
  recvmsg: [c.BPF_CGROUP_UDP4_RECVMSG, c.BPF_CGROUP_UDP6_RECVMSG],
  getpeername: [c.BPF_CGROUP_INET4_GETPEERNAME, c.BPF_CGROUP_INET6_GETPEERNAME],
  getsockname: [c.BPF_CGROUP_INET4_GETSOCKNAME, c.BPF_CGROUP_INET6_GETSOCKNAME],
} as const;
const POST_BIND = [c.BPF_CGROUP_INET4_POST_BIND, c.BPF_CGROUP_INET6_POST_BIND] as const;

export type AddressCall = keyof typeof ADDRESS;

/** An address as programs may change it; of IPv4 in a socket of IPv6: ::ffff:a.b.c.d. */
export interface Place {
  readonly address: Uint8Array;
  readonly port: number;
  /** sendmsg: where the packet comes from. */
  readonly source?: Uint8Array;
}

/** What a socket asks before and after it does something. Nothing is attached: nothing happens. */
export class SocketHooks {
  readonly packets: PacketHooks;
  readonly ops: SockOps;
  readonly options: SocketOptionHooks;
  readonly #sockets: Sockets;
  readonly #machine: () => Machine;
  #address: Context | undefined;

  constructor(sockets: Sockets, machine: () => Machine) {
    this.#sockets = sockets;
    this.#machine = machine;
    this.packets = new PacketHooks(sockets, machine);
    this.ops = new SockOps(sockets, machine);
    this.options = new SocketOptionHooks(sockets, machine);
  }

  /** socket(2). Throws KernelError: what the programs say. */
  create(socket: Socket): void {
    throwRetval(this.#sock(socket, c.BPF_CGROUP_INET_SOCK_CREATE), 'a new socket');
  }

  /** Its user closes it: programs cannot hinder that. */
  release(socket: Socket): void {
    this.#sock(socket, c.BPF_CGROUP_INET_SOCK_RELEASE);
  }

  /** It is bound; 0, or why it must not be. */
  postBind(socket: Socket): number {
    return this.#sock(socket, POST_BIND[socket.family === 4 ? 0 : 1]);
  }

  /** __cgroup_bpf_run_filter_sk: the context is the socket's record. */
  #sock(socket: Socket, attachType: number): number {
    const { cgroups, runtime } = this.#machine();
    if (!cgroups.enabled(attachType)) return 0;
    const record = this.#sockets.recordOf(socket);
    const { retval } = socket.cgroup.runPrograms(attachType, record);
    const words = runtime.u32();
    const [boundDevice, mark, priority] = [0, 16, 20].map((at) => words[(record + at) >>> 2]!);
    const { options } = socket;
    const same =
      (options.boundDevice ?? 0) === boundDevice &&
      (options.mark ?? 0) === mark &&
      (options.priority ?? 0) === priority;
    if (!same)
      socket.options = { ...options, boundDevice: boundDevice!, mark: mark!, priority: priority! };
    return retval;
  }

  /**
   * What an address becomes, and bits of what programs returned beyond their verdict. Throws
   * KernelError: what the programs say (__cgroup_bpf_run_filter_sock_addr).
   */
  address(call: AddressCall, socket: Socket, place: Place): Place {
    const v4 = call === 'sendmsg' ? place.address.length === 4 : socket.family === 4;
    const attachType = ADDRESS[call][v4 ? 0 : 1];
    const { cgroups, runtime } = this.#machine();
    if (!cgroups.enabled(attachType)) return place;
    if (socket.cgroup.effective(attachType).length === 0) return place;
    socket.net.stack.runner.enter(socket.net);
    this.#address ??= new Context(runtime, 'bpf_sock_addr');
    const context = this.#address;
    this.#write(context, socket, place, v4);
    const { retval } = socket.cgroup.runPrograms(attachType, context.address, {
      flagged: call === 'bind',
    });
    throwRetval(retval, call);
    return readPlace(context, place, v4);
  }

  /** The same of an address that its user gets to see, as text. */
  seen(call: AddressCall, socket: Socket, shown: SocketAddress): SocketAddress {
    const { cgroups } = this.#machine();
    if (!cgroups.enabled(ADDRESS[call][socket.family === 4 ? 0 : 1])) return shown;
    const place = { address: ipAddress(shown.address), port: shown.port };
    const { address, port } = this.address(call, socket, place);
    return { address: addressText(address), port };
  }

  #write(context: Context, socket: Socket, { address, port, source }: Place, v4: boolean): void {
    const tcp = socket.type === 'tcp';
    context.clear();
    context.put('user_family', v4 ? AF[4] : AF[6]);
    context.putBytes(v4 ? 'user_ip4' : 'user_ip6', v4 ? address : mapped(address));
    context.putBytes('user_port', Uint8Array.of(port >> 8, port & 255));
    context.put('family', AF[socket.family]);
    context.put('type', tcp ? 1 : 2);
    context.put('protocol', tcp ? 6 : 17);
    if (source) context.putBytes(v4 ? 'msg_src_ip4' : 'msg_src_ip6', v4 ? source : mapped(source));
    const { runtime } = this.#machine();
    context.putPointer('sk', socketPointer(runtime, this.#sockets.recordOf(socket)));
  }
}

function readPlace(context: Context, { source }: Place, v4: boolean): Place {
  const size = v4 ? 4 : 16;
  const [high, low] = context.getBytes('user_port', 2) as unknown as [number, number];
  const address = context.getBytes(v4 ? 'user_ip4' : 'user_ip6', size);
  const place = { address: v4 ? address : unmapped(address), port: (high << 8) | low };
  if (!source) return place;
  const from = context.getBytes(v4 ? 'msg_src_ip4' : 'msg_src_ip6', size);
  return { ...place, source: isAny(from) ? from : unmapped(from) };
}
