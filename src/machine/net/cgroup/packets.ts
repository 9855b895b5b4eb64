/** Packets of a cgroup's sockets: programs of type cgroup_skb (__cgroup_bpf_run_filter_skb). */
import { writeEnds } from '../sockets/ends.ts';
import { socketPointer } from '../../../runtime/index.ts';
import { constants, errnos, fieldOffsets } from '../../../abi/index.ts';
import { SKB_CGROUP, SKB_MARK, SKB_PRIORITY, SKB_SOCKET_COOKIE } from '../../../runtime/layout.ts';
import { isErrno } from '../../cgroup/run.ts';
import type { Machine } from '../../machine.ts';
import { cgroupSkbHook } from '../socket-buffer.ts';
import type { Sockets } from '../sockets/layer.ts';
import type { Socket } from '../sockets/socket.ts';
import type { Packet } from '../stack/packet.ts';

const { BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_INGRESS } = constants;
/** Bit of what an egress program returned: tell TCP of congestion. */
const SET_CONGESTION = 1;
const NET_XMIT_DROP = 1;
const NET_XMIT_CN = 2;
const AT = fieldOffsets('__sk_buff');

export class PacketHooks {
  readonly #sockets: Sockets;
  readonly #machine: () => Machine;

  constructor(sockets: Sockets, machine: () => Machine) {
    this.#sockets = sockets;
    this.#machine = machine;
  }

  /** Whether there are programs at all that see packets which leave. */
  get filtersEgress(): boolean {
    return this.#machine().cgroups.enabled(BPF_CGROUP_INET_EGRESS);
  }

  /** Whether a socket gets a packet that came for it (sk_filter_trim_cap). */
  ingress(socket: Socket, packet: Packet): boolean {
    return this.#run(socket, packet, BPF_CGROUP_INET_INGRESS, false).retval === 0;
  }

  /** 0, NET_XMIT_CN (2), or why a socket's packet does not leave: NET_XMIT_DROP (1), -errno. */
  egress(socket: Socket, packet: Packet): number {
    const { retval, flags } = this.#run(socket, packet, BPF_CGROUP_INET_EGRESS, true);
    const congested = (flags & SET_CONGESTION) !== 0;
    if (retval === 0) return congested ? NET_XMIT_CN : 0;
    if (congested) return NET_XMIT_DROP;
    return isErrno(retval) ? retval : -errnos['EFAULT']!;
  }

  #run(socket: Socket, packet: Packet, attachType: number, flagged: boolean) {
    const { cgroups } = this.#machine();
    if (!cgroups.enabled(attachType)) return NOTHING;
    const { cgroup } = socket;
    if (cgroup.effective(attachType).length === 0) return NOTHING;
    const { runner } = socket.net.stack;
    runner.enter(packet.device.net);
    const { data, device, queue } = packet;
    const { contexts, runtime } = runner.place(cgroupSkbHook, data, device.ifindex, queue);
    this.#write(contexts, socket, packet);
    const result = cgroup.runPrograms(attachType, contexts, { flagged });
    const words = runtime.u32();
    packet.mark = words[(contexts + SKB_MARK) >>> 2]!;
    packet.priority = words[(contexts + SKB_PRIORITY) >>> 2]!;
    return result;
  }

  #write(at: number, socket: Socket, packet: Packet): void {
    const { runtime } = this.#machine();
    const record = this.#sockets.recordOf(socket);
    const view = runtime.view();
    const put = (offset: number, value: number): void => view.setUint32(at + offset, value, true);
    put(SKB_MARK, packet.mark);
    put(SKB_PRIORITY, packet.priority);
    put(AT['pkt_type']!, packet.type);
    put(AT['ingress_ifindex']!, packet.ingressIfindex);
    put(SKB_CGROUP, socket.cgroup.number);
    view.setBigUint64(at + SKB_SOCKET_COOKIE, BigInt(socket.owner.number), true);
    writeEnds(runtime, at, AT, socket);
    view.setBigUint64(at + AT['sk']!, socketPointer(runtime, record), true);
  }
}

const NOTHING = { retval: 0, flags: 0 } as const;
