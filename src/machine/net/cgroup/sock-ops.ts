/** What TCP tells programs of type sock_ops, and asks them (tcp_call_bpf). */
import { writeEnds } from '../sockets/ends.ts';
import { socketPointer } from '../../../runtime/index.ts';
import { constants, errnos } from '../../../abi/index.ts';
import type { Machine } from '../../machine.ts';
import type { Sockets } from '../sockets/layer.ts';
import { RequestSocket } from '../sockets/request.ts';
import { NEW_SYN_RECV } from '../sockets/states.ts';
import type { TcpSocket } from '../sockets/tcp.ts';
import { Context } from './context.ts';
import { HeaderOptions, type ShownSegment } from './header-options.ts';

const c = constants;
const HOOK = c.BPF_CGROUP_SOCK_OPS;
/** TCP_INIT_CWND: there is no congestion control that would change it. */
const WINDOW = 10;
/** TCP_INFINITE_SSTHRESH */
const THRESHOLD = 0x7fffffff;

/** Operations (BPF_SOCK_OPS_*) by words. */
const OPS = {
  timeoutInit: c.BPF_SOCK_OPS_TIMEOUT_INIT,
  rwndInit: c.BPF_SOCK_OPS_RWND_INIT,
  connect: c.BPF_SOCK_OPS_TCP_CONNECT_CB,
  active: c.BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB,
  passive: c.BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB,
  needsEcn: c.BPF_SOCK_OPS_NEEDS_ECN,
  timeout: c.BPF_SOCK_OPS_RTO_CB,
  retransmit: c.BPF_SOCK_OPS_RETRANS_CB,
  state: c.BPF_SOCK_OPS_STATE_CB,
  listen: c.BPF_SOCK_OPS_TCP_LISTEN_CB,
  roundTrip: c.BPF_SOCK_OPS_RTT_CB,
  parseOptions: c.BPF_SOCK_OPS_PARSE_HDR_OPT_CB,
  optionsLength: c.BPF_SOCK_OPS_HDR_OPT_LEN_CB,
  writeOptions: c.BPF_SOCK_OPS_WRITE_HDR_OPT_CB,
} as const;

/** Those that a socket hears of only when it has asked (bpf_sock_ops_cb_flags_set). */
const ASKED: Readonly<Partial<Record<keyof typeof OPS, number>>> = {
  timeout: c.BPF_SOCK_OPS_RTO_CB_FLAG,
  retransmit: c.BPF_SOCK_OPS_RETRANS_CB_FLAG,
  state: c.BPF_SOCK_OPS_STATE_CB_FLAG,
  roundTrip: c.BPF_SOCK_OPS_RTT_CB_FLAG,
};

/** A program runs: whose callback it is, and the segment that it sees. */
interface Running {
  readonly op: number;
  readonly socket: TcpSocket | RequestSocket;
  readonly context: Context;
  readonly segment: ShownSegment | undefined;
}

export class SockOps {
  readonly options: HeaderOptions;
  readonly #sockets: Sockets;
  readonly #machine: () => Machine;
  readonly #free: Context[] = [];
  /** By context. */
  readonly #running = new Map<number, Running>();

  constructor(sockets: Sockets, machine: () => Machine) {
    this.#sockets = sockets;
    this.#machine = machine;
    this.options = new HeaderOptions(this, machine);
  }

  /** Whether there are such programs at all. */
  get listens(): boolean {
    return this.#machine().cgroups.enabled(HOOK);
  }

  running(context: number): Running | undefined {
    return this.#running.get(context);
  }

  /**
   * Runs the programs of the socket's cgroup; a request is its listener's. What they reply (as an
   * i32), or -1: there are none, or they refuse.
   */
  call(op: keyof typeof OPS, socket: TcpSocket | RequestSocket, ...args: number[]): number {
    return this.callWith(undefined, op, socket, ...args);
  }

  /** The same, with a segment that programs see. */
  callWith(
    segment: ShownSegment | undefined,
    op: keyof typeof OPS,
    socket: TcpSocket | RequestSocket,
    ...args: number[]
  ): number {
    if (!this.listens) return -1;
    const full = socket instanceof RequestSocket ? socket.listener : socket;
    const flag = ASKED[op];
    if (flag !== undefined && (full.callbacks & flag) === 0) return -1;
    if (full.cgroup.effective(HOOK).length === 0) return -1;
    const context = this.#free.pop() ?? new Context(this.#machine().runtime, 'bpf_sock_ops');
    this.#write(context, socket, full, OPS[op], args);
    if (segment) this.options.show(context, segment);
    this.#running.set(context.address, { op: OPS[op], socket, context, segment });
    try {
      const { retval } = full.cgroup.runPrograms(HOOK, context.address);
      if (segment) segment.accepted = retval === 0;
      return retval === 0 ? context.get('reply') | 0 : -1;
    } finally {
      this.#running.delete(context.address);
      this.#free.push(context);
    }
  }

  #write(
    context: Context,
    socket: TcpSocket | RequestSocket,
    full: TcpSocket,
    op: number,
    args: readonly number[],
  ): void {
    const isFull = socket === full;
    context.clear();
    context.put('op', op);
    context.putBytes('args', new Uint8Array(Uint32Array.from(args).buffer));
    writeEnds(this.#machine().runtime, context.address, context.offsets, socket);
    context.put('is_fullsock', isFull ? 1 : 0);
    context.put('state', isFull ? full.state : NEW_SYN_RECV);
    if (isFull) this.#writeTcp(context, full);
  }

  #writeTcp(context: Context, socket: TcpSocket): void {
    const { runtime } = this.#machine();
    context.putPointer('sk', socketPointer(runtime, this.#sockets.recordOf(socket)));
    context.put('bpf_sock_ops_cb_flags', socket.callbacks);
    context.put('snd_cwnd', WINDOW);
    context.put('snd_ssthresh', THRESHOLD);
    const { streams } = socket;
    if (!streams) return;
    context.put('rcv_nxt', streams.expected);
    context.put('snd_nxt', streams.next);
    context.put('snd_una', streams.una);
    context.put('mss_cache', streams.mss);
    context.put('packets_out', streams.sent.length);
    context.put('srtt_us', streams.roundTrip);
  }

  /** bpf_sock_ops_cb_flags_set: bits that mean nothing, or -EINVAL for what is no full socket. */
  setFlags(address: number, flags: number): number {
    const running = this.#running.get(address);
    if (!running || running.socket instanceof RequestSocket) return -errnos['EINVAL']!;
    running.socket.callbacks = flags & c.BPF_SOCK_OPS_ALL_CB_FLAGS;
    running.context.put('bpf_sock_ops_cb_flags', running.socket.callbacks);
    return flags & ~c.BPF_SOCK_OPS_ALL_CB_FLAGS;
  }

  /** Programs are to see the flags that an option has set. */
  flagsChanged(socket: TcpSocket): void {
    for (const one of this.#running.values()) {
      if (one.socket === socket) one.context.put('bpf_sock_ops_cb_flags', socket.callbacks);
    }
  }
}
