/**
 * Sockets as the kernel's own structs, for programs that have pointers with types of its BTF:
 * `struct tcp_sock` and kin, laid out by that BTF. What has no meaning here is zero.
 */
import { familyNumber, writeAddress } from './ends.ts';
import type { KernelProfile } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { Btf, BtfComposite } from '../../../btf/index.ts';
import type { Runtime } from '../../../runtime/types.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Known } from './layer.ts';
import { Socket } from './socket.ts';
import { NEW_SYN_RECV, TIME_WAIT } from './states.ts';
import { TcpSocket } from './tcp.ts';

/** Members by the name of the innermost: those the view fills in. */
const COMMON = [
  'skc_daddr',
  'skc_rcv_saddr',
  'skc_dport',
  'skc_num',
  'skc_family',
  'skc_state',
  'skc_bound_dev_if',
  'skc_v6_daddr',
  'skc_v6_rcv_saddr',
  'skc_net',
  'skc_cookie',
] as const;
const FULL = ['sk_type', 'sk_protocol', 'sk_mark', 'sk_priority', 'sk_uid'] as const;
const INET = ['inet_saddr', 'inet_sport'] as const;
const TCP = ['rcv_nxt', 'snd_nxt', 'snd_una', 'write_seq', 'mss_cache', 'packets_out'] as const;

/** The struct a socket is, by what kind it is. */
export function structOf(socket: Known): string {
  if (socket.state === TIME_WAIT) return 'tcp_timewait_sock';
  if (socket.state === NEW_SYN_RECV) return 'tcp_request_sock';
  const six = socket.family === 6 ? '6' : '';
  return socket instanceof Socket && socket.type === 'udp' ? `udp${six}_sock` : `tcp${six}_sock`;
}

/** Layouts of the kernel's socket structs, found once. */
export class KernelSockets {
  readonly #runtime: Runtime;
  readonly #btf: Btf;
  readonly #offsets = new Map<string, number>();
  readonly #nets = new Map<NetNamespace, number>();
  /** Bytes that hold any of them. */
  readonly size: number;

  /** Throws KernelError EOPNOTSUPP for a kernel whose types leave these out. */
  constructor(runtime: Runtime, rules: KernelProfile | undefined) {
    const btf = rules?.btf();
    if (!btf?.find('struct', 'tcp6_sock')) {
      const text = 'structs of sockets need the types of a kernel, all of them';
      throw new KernelError('EOPNOTSUPP', 95, text);
    }
    this.#runtime = runtime;
    this.#btf = btf;
    const all = ['tcp6_sock', 'udp6_sock', 'tcp_timewait_sock', 'tcp_request_sock'];
    this.size = Math.max(...all.map((name) => this.#struct(name).size));
    for (const name of COMMON) this.#find('sock_common', name);
    for (const name of FULL) this.#find('sock', name);
    for (const name of INET) this.#find('inet_sock', name);
    for (const name of TCP) this.#find('tcp_sock', name);
    this.#find('net', 'net_cookie');
    this.#find('net', 'inum');
  }

  #struct(name: string): BtfComposite {
    const id = this.#btf.find('struct', name);
    const type = id === undefined ? undefined : this.#btf.type(id);
    if (type?.kind === 'struct') return type;
    throw new KernelError('EOPNOTSUPP', 95, `the kernel has no struct ${name}`);
  }

  #find(struct: string, member: string): void {
    const at = offsetOf(this.#btf, this.#struct(struct), member);
    if (at === undefined) throw new KernelError('EOPNOTSUPP', 95, `${struct} has no ${member}`);
    this.#offsets.set(member, at);
  }

  /** Writes the struct of a socket to `at`, `size` bytes. */
  write(at: number, socket: Known, cookie: number): void {
    const bytes = this.#runtime.u8();
    bytes.fill(0, at, at + this.size);
    const net = this.#net(socket.net);
    const view = this.#runtime.view();
    const place = (field: string) => at + this.#offsets.get(field)!;
    const { local, remote, family } = socket;
    writeAddress(bytes, place('skc_rcv_saddr'), place('skc_v6_rcv_saddr'), family, local);
    writeAddress(bytes, place('skc_daddr'), place('skc_v6_daddr'), family, remote);
    view.setUint16(place('skc_dport'), socket.remotePort);
    view.setUint16(place('skc_num'), socket.localPort, true);
    view.setUint16(place('skc_family'), familyNumber(family), true);
    view.setUint8(place('skc_state'), socket.state);
    view.setUint32(place('skc_net'), net, true);
    view.setBigUint64(place('skc_cookie'), BigInt(cookie), true);
    if (socket instanceof Socket) this.#writeFull(view, place, socket);
  }

  #writeFull(view: DataView, place: (field: string) => number, socket: Socket): void {
    const { options, local, localPort } = socket;
    view.setUint16(place('sk_type'), socket.type === 'tcp' ? 1 : 2, true);
    view.setUint16(place('sk_protocol'), socket.type === 'tcp' ? 6 : 17, true);
    view.setUint32(place('sk_mark'), options.mark ?? 0, true);
    view.setUint32(place('sk_priority'), options.priority ?? 0, true);
    view.setUint32(place('sk_uid'), options.uid ?? 0, true);
    view.setUint16(place('inet_sport'), localPort);
    if (local.length === 4) this.#runtime.u8().set(local, place('inet_saddr'));
    const streams = socket instanceof TcpSocket ? socket.streams : undefined;
    if (!streams) return;
    view.setUint32(place('rcv_nxt'), streams.expected, true);
    view.setUint32(place('snd_nxt'), streams.next, true);
    view.setUint32(place('snd_una'), streams.una, true);
    view.setUint32(place('write_seq'), (streams.next + streams.waitingBytes) >>> 0, true);
    view.setUint32(place('mss_cache'), streams.mss, true);
    view.setUint32(place('packets_out'), streams.sent.length, true);
  }

  /** struct net of a namespace: its cookie and number. */
  #net(net: NetNamespace): number {
    let at = this.#nets.get(net);
    if (at !== undefined) return at;
    const { size } = this.#struct('net');
    at = this.#runtime.allocateScratch(size, 64);
    this.#runtime.u8().fill(0, at, at + size);
    const view = this.#runtime.view();
    view.setBigUint64(at + this.#offsets.get('net_cookie')!, BigInt(net.cookie), true);
    view.setUint32(at + this.#offsets.get('inum')!, FIRST_INUM + net.cookie, true);
    this.#nets.set(net, at);
    return at;
  }
}

/** Numbers of namespaces in /proc/PID/ns begin somewhere here (PROC_DYNAMIC_FIRST). */
export const FIRST_INUM = 0xf000_0000;

/** Where a member is, also within structs without a name and members that are structs. */
function offsetOf(btf: Btf, struct: BtfComposite, name: string): number | undefined {
  for (const member of struct.members) {
    if (member.name === name) return member.bitOffset >> 3;
  }
  for (const { type, bitOffset } of struct.members) {
    const inner = btf.resolved(type);
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const within = offsetOf(btf, inner, name);
    if (within !== undefined) return (bitOffset >> 3) + within;
  }
  return undefined;
}
