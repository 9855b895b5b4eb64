/** Options of TCP headers that sock_ops programs write and read (bpf_skops_* of net/ipv4). */
import { showPacket, packetPointer } from '../../../runtime/index.ts';
import { constants, errnos } from '../../../abi/index.ts';
import type { HeaderOptionCalls } from '../../../runtime/types.ts';
import type { Machine } from '../../machine.ts';
import type { RequestSocket } from '../sockets/request.ts';
import { HEADER, makeSegment, type Segment, type SegmentHeaders, SYN } from '../sockets/segment.ts';
import { LISTEN, SYN_RECV, SYN_SENT } from '../sockets/states.ts';
import { findOption, hasUnknown, type SavedSyn, savedSyn } from '../sockets/tcp-options.ts';
import type { TcpSocket } from '../sockets/tcp.ts';
import { type Context } from './context.ts';
import type { SockOps } from './sock-ops.ts';

const c = constants;
const EINVAL = -errnos['EINVAL']!;
const EPERM = -errnos['EPERM']!;
const ENOSPC = -errnos['ENOSPC']!;
const ENOENT = -errnos['ENOENT']!;
const EEXIST = -errnos['EEXIST']!;
const ENOMSG = -errnos['ENOMSG']!;
const WRITES = c.BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG;
const PARSES_ALL = c.BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG;
const PARSES_UNKNOWN = c.BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG;
/** MAX_TCP_OPTION_SPACE; what the machine's own SYNs take of it. */
const SPACE = 40;
const MSS_SPACE = 4;
/** End of options, no operation, and the two kinds whose values begin with a magic number. */
const [EOL, NOP, EXPERIMENT_1, EXPERIMENT] = [0, 1, 253, 254];
/** TCP_BPF_SYN, TCP_BPF_SYN_IP, TCP_BPF_SYN_MAC */
const [FROM_TCP, FROM_IP, FROM_MAC] = [1005, 1006, 1007];
const NO_BYTES = new Uint8Array(0);
const BEFORE_CONNECTED: readonly number[] = [SYN_RECV, SYN_SENT, LISTEN];

/** What programs see of a segment (bpf_sock_ops_kern.skb and its kin). */
export interface ShownSegment {
  /** From TCP's header on; undefined: there is no segment, only a question. */
  readonly header: Uint8Array | undefined;
  /** Bytes of it that programs may read. */
  visible: number;
  readonly length: number;
  readonly flags: number;
  /** Room that is left for options. */
  remaining: number;
  /** Of the request that it answers. */
  readonly syn?: SavedSyn | undefined;
  /** Where the header is in the machine's memory. */
  buffer: number;
  /** No program has refused. */
  accepted: boolean;
}

type Speaker = TcpSocket | RequestSocket;

const shown = (part: Partial<ShownSegment>): ShownSegment => ({
  header: undefined,
  visible: 0,
  length: 0,
  flags: 0,
  remaining: 0,
  buffer: 0,
  accepted: false,
  ...part,
});

/** A segment that came: programs see its header. */
export function arrived({ headers, flags, data }: Segment): ShownSegment | undefined {
  if (!headers) return undefined;
  const header = headers.bytes.subarray(headers.transport);
  return shown({ header, visible: header.length, length: header.length + data.length, flags });
}

export class HeaderOptions implements HeaderOptionCalls {
  readonly #ops: SockOps;
  readonly #machine: () => Machine;
  /** Places for headers in memory, by the context that shows them. */
  readonly #buffers = new Map<number, number>();

  constructor(ops: SockOps, machine: () => Machine) {
    this.#ops = ops;
    this.#machine = machine;
  }

  /** Lets programs see a segment in a context. */
  show(context: Context, segment: ShownSegment): void {
    const { header } = segment;
    context.put('skb_len', segment.length);
    context.put('skb_tcp_flags', segment.flags);
    if (!header) return;
    const { runtime } = this.#machine();
    let buffer = this.#buffers.get(context.address);
    if (buffer === undefined) {
      this.#buffers.set(context.address, (buffer = runtime.allocate(HEADER + SPACE, 16)));
    }
    segment.buffer = buffer;
    runtime.u8().fill(0, buffer, buffer + HEADER + SPACE);
    runtime.u8().set(header, buffer);
    context.putPointer('skb_data', packetPointer(buffer));
    this.#showEnd(context, segment);
  }

  #showEnd(context: Context, { buffer, visible }: ShownSegment): void {
    showPacket(this.#machine().runtime, buffer, visible);
    context.putPointer('skb_data_end', packetPointer(buffer + visible));
  }

  // ---- What TCP asks ----------------------------------------------------------------------------

  /** Bytes that programs may want of every segment of a connection (tcp_current_mss). */
  mostLength(socket: TcpSocket): number {
    if ((socket.callbacks & WRITES) === 0) return 0;
    return this.#length(socket, shown({ remaining: SPACE }), c.BPF_WRITE_HDR_TCP_CURRENT_MSS);
  }

  /**
   * Options for a segment on its way; undefined: none. `syn`: of the request that it answers,
   * while that SYN is at hand.
   */
  write(
    socket: Speaker,
    callbacks: number,
    segment: Segment,
    syn?: SavedSyn,
  ): Uint8Array | undefined {
    if ((callbacks & WRITES) === 0) return undefined;
    const { flags, data } = segment;
    const isSyn = (flags & SYN) !== 0;
    const remaining = isSyn ? SPACE - MSS_SPACE : SPACE;
    // Linux has no header yet when it asks how long that will be.
    const asked = shown({ header: NO_BYTES, length: data.length, flags, remaining, syn });
    const size = this.#length(socket, asked, 0);
    if (size === 0) return undefined;
    const header = makeSegment(socket, { ...segment, data: NO_BYTES, options: nops(size) });
    const visible = header.length - size;
    const length = header.length + data.length;
    const written = shown({ header, visible, length, flags, remaining: size, syn });
    this.#ops.callWith(written, 'writeOptions', socket, 0);
    return this.#written(written, size);
  }

  #length(socket: Speaker, segment: ShownSegment, why: number): number {
    const { remaining } = segment;
    this.#ops.callWith(segment, 'optionsLength', socket, why);
    return segment.accepted ? (remaining - segment.remaining + 3) & ~3 : 0;
  }

  #written({ accepted, buffer, visible, remaining }: ShownSegment, size: number): Uint8Array {
    const options = nops(size);
    if (!accepted) return options;
    const length = size - remaining;
    const from = buffer + visible - length;
    options.set(
      this.#machine()
        .runtime.u8()
        .subarray(from, from + length),
    );
    return options;
  }

  /** A segment came for a connection (bpf_skops_parse_hdr). */
  parse(socket: TcpSocket, segment: Segment): void {
    const { callbacks } = socket;
    if ((callbacks & (PARSES_ALL | PARSES_UNKNOWN)) === 0) return;
    const { headers } = segment;
    if (!headers || BEFORE_CONNECTED.includes(socket.state)) return;
    const all = (callbacks & PARSES_ALL) !== 0;
    if (!all && !hasUnknown(headers.bytes.subarray(headers.transport + HEADER))) return;
    this.#ops.callWith(arrived(segment), 'parseOptions', socket);
  }

  // ---- What programs call -----------------------------------------------------------------------

  /** bpf_reserve_hdr_opt */
  reserve(context: number, size: number, flags: bigint): number {
    const running = this.#ops.running(context);
    if (running?.op !== c.BPF_SOCK_OPS_HDR_OPT_LEN_CB) return EPERM;
    const { segment } = running;
    if (flags !== 0n || size < 2 || !segment) return EINVAL;
    if (size > segment.remaining) return ENOSPC;
    segment.remaining -= size;
    return 0;
  }

  /** bpf_store_hdr_opt */
  store(address: number, at: number, size: number, flags: bigint): number {
    const running = this.#ops.running(address);
    if (running?.op !== c.BPF_SOCK_OPS_WRITE_HDR_OPT_CB || !running.segment) return EPERM;
    if (size < 2 || flags !== 0n) return EINVAL;
    const { segment, context } = running;
    const { runtime } = this.#machine();
    const option = runtime.u8().slice(at, at + size);
    const [kind, length] = option as unknown as [number, number];
    if (length > size || kind === NOP || kind === EOL) return EINVAL;
    if (length > segment.remaining) return ENOSPC;
    const experiment = kind === EXPERIMENT || kind === EXPERIMENT_1;
    if (experiment && length < 4) return EINVAL;
    const end = segment.buffer + segment.visible;
    const others = runtime.u8().subarray(segment.buffer + HEADER, end);
    const found = findOption(others, kind, experiment ? option.subarray(2, 4) : NO_BYTES);
    if (found.at >= 0) return EEXIST;
    if (found.at !== ENOMSG) return found.at;
    if (found.ended) return ENOSPC;
    runtime.u8().set(option.subarray(0, length), end);
    segment.remaining -= length;
    segment.visible += length;
    this.#showEnd(context, segment);
    return 0;
  }

  /** bpf_load_hdr_opt */
  load(context: number, at: number, size: number, flags: bigint): number {
    const fromSyn = flags === BigInt(c.BPF_LOAD_HDR_OPT_TCP_SYN);
    if (size < 2 || (flags !== 0n && !fromSyn)) return EINVAL;
    const { runtime } = this.#machine();
    const wanted = runtime.u8().slice(at, at + size);
    const [kind, length] = wanted as unknown as [number, number];
    if (length > size || kind === NOP || kind === EOL) return EINVAL;
    const experiment = kind === EXPERIMENT || kind === EXPERIMENT_1;
    if (experiment ? length !== 4 && length !== 6 : length !== 0) return EINVAL;
    const options = this.#optionsOf(context, fromSyn);
    if (typeof options === 'number') return options;
    const magic = experiment ? wanted.subarray(2, length) : NO_BYTES;
    const found = findOption(options, kind, magic);
    if (found.at < 0) return found.at;
    const has = options[found.at + 1]!;
    runtime.u8().set(options.subarray(found.at, found.at + Math.min(has, size)), at);
    return has > size ? ENOSPC : has;
  }

  #optionsOf(context: number, fromSyn: boolean): Uint8Array | number {
    if (fromSyn) {
      const syn = this.#synOf(context);
      return syn ? syn.bytes.slice(syn.transport + HEADER) : ENOENT;
    }
    const running = this.#ops.running(context);
    const { segment } = running ?? {};
    if (!segment?.header || running!.op === c.BPF_SOCK_OPS_HDR_OPT_LEN_CB) return EPERM;
    const { buffer, visible } = segment;
    return this.#machine()
      .runtime.u8()
      .slice(buffer + HEADER, buffer + visible);
  }

  #synOf(context: number): SavedSyn | undefined {
    const running = this.#ops.running(context);
    return running && (running.segment?.syn ?? savedSyn(running.socket));
  }

  /** bpf_getsockopt of TCP_BPF_SYN and kin: undefined for other options. */
  readSyn(context: number, name: number, at: number, room: number): number | undefined {
    if (name < FROM_TCP || name > FROM_MAC) return undefined;
    const bytes = this.#runtimeBytes(at, room);
    bytes.fill(0);
    const syn = this.#synOf(context);
    if (!syn || (name === FROM_MAC && syn.from > 0)) return ENOENT;
    const from = name === FROM_TCP ? syn.transport : name === FROM_IP ? syn.network : 0;
    const wanted = syn.bytes.subarray(from);
    bytes.set(wanted.subarray(0, room));
    return wanted.length > room ? ENOSPC : wanted.length;
  }

  #runtimeBytes(at: number, size: number): Uint8Array {
    return this.#machine()
      .runtime.u8()
      .subarray(at, at + size);
  }
}

const nops = (size: number): Uint8Array => new Uint8Array(size).fill(NOP);

/** The SYN that a request begins with, as programs may read it while it is there. */
export const wholeSyn = (headers: SegmentHeaders): SavedSyn => ({ ...headers, from: 0 });
