import { constants, enums, structs } from '../../abi/index.ts';
import type { ProgTestRunAttr, RunOptions, RunResult } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import type { Process } from './process.ts';
import { checkTail } from './structs.ts';
import { userBytes } from './values.ts';

const { BPF_F_TEST_XDP_LIVE_FRAMES, BPF_F_TEST_SKB_CHECKSUM_COMPLETE, XDP_PACKET_HEADROOM } =
  constants;
const attach = enums.bpf_attach_type;
const types = enums.bpf_prog_type;
const ETHERNET_HEADER = 14;
/** What of a page is left beside headroom and struct skb_shared_info (of 320 bytes). */
const PAGE = 4096;
const MOST_SKB = PAGE - 64 - 320;
const MOST_XDP = PAGE - XDP_PACKET_HEADROOM - 320;
/** Headroom without struct xdp_frame. */
const MOST_METADATA = XDP_PACKET_HEADROOM - 40;
/** struct xdp_page_head, which live frames have in front of their headroom. */
const PAGE_HEAD = 112;
/** NAPI_POLL_WEIGHT and TEST_XDP_MAX_BATCH. */
const USUAL_BATCH = 64;
const MOST_BATCH = 256;
/** Of programs of type syscall (U16_MAX). */
const MOST_CONTEXT = 0xffff;
/** Fragments of a page each (MAX_SKB_FRAGS). */
const MOST_FRAGS = 17;
/** struct nf_hook_state is no struct of the ABI: its size. */
const NF_HOOK_STATE = 48;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

/** BPF_PROG_TEST_RUN */
export function progTestRun(process: Process, attr: ProgTestRunAttr): number {
  const { ctxSizeIn = 0, ctxSizeOut = 0 } = attr;
  if (ctxSizeIn > 0 !== (attr.ctxIn !== undefined)) refuse('EINVAL', 'a context has its size');
  if (ctxSizeOut > 0 !== (attr.ctxOut !== undefined)) refuse('EINVAL', 'a context has its size');
  const program = process.get(attr.progFd, 'prog');
  const kind = KINDS.get(program.typeId);
  if (!kind) refuse('ENOTSUPP', 'such programs have no test run here');
  const { bytes, ...input } = kind.check(process, program, attr);
  if (kind.finish) return kind.finish(attr, program, bytes);
  const repeat = Math.max(1, attr.repeat ?? 1);
  const result = program.run({ ...input, ...(bytes && { context: bytes }), repeat });
  return finish(attr, result, bytes && kind.after(result, bytes));
}

/** What a program runs on. */
interface Input extends Pick<RunOptions, 'data' | 'metadata' | 'linear' | 'device' | 'live'> {
  /** Undefined: the caller wants no context. */
  readonly bytes: Uint8Array | undefined;
}

interface Kind {
  /** Throws KernelError for what Linux refuses, in its order. */
  check(process: Process, program: MachineProgram, attr: ProgTestRunAttr): Input;
  /** The context the caller gets back: what it gave, with what may have changed. */
  after(result: RunResult, given: Uint8Array): Uint8Array;
  /** Runs it in a way of its own. */
  finish?(attr: ProgTestRunAttr, program: MachineProgram, context: Uint8Array | undefined): number;
}

const XDP: Kind = { check: checkXdp, after: xdpAfter };
const SYSCALL: Kind = { check: checkSyscall, after: (_, given) => given, finish: runSyscall };
const SKB: Kind = { check: checkSkb, after: skbAfter };
const FLOW: Kind = { check: checkFlow, after: (_, given) => given };
const NETFILTER: Kind = { check: checkNetfilter, after: (_, given) => given };

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [types.BPF_PROG_TYPE_XDP, XDP],
  [types.BPF_PROG_TYPE_SYSCALL, SYSCALL],
  [types.BPF_PROG_TYPE_SCHED_CLS, SKB],
  [types.BPF_PROG_TYPE_SCHED_ACT, SKB],
  [types.BPF_PROG_TYPE_SOCKET_FILTER, SKB],
  [types.BPF_PROG_TYPE_CGROUP_SKB, SKB],
  [types.BPF_PROG_TYPE_LWT_IN, SKB],
  [types.BPF_PROG_TYPE_LWT_OUT, SKB],
  [types.BPF_PROG_TYPE_LWT_XMIT, SKB],
  [types.BPF_PROG_TYPE_LWT_SEG6LOCAL, SKB],
  [types.BPF_PROG_TYPE_FLOW_DISSECTOR, FLOW],
  [types.BPF_PROG_TYPE_NETFILTER, NETFILTER],
]);

function checkXdp(process: Process, program: MachineProgram, attr: ProgTestRunAttr): Input {
  const { flags = 0, batchSize = 0, dataSizeIn: size = 0 } = attr;
  const placed: readonly number[] = [attach.BPF_XDP_DEVMAP, attach.BPF_XDP_CPUMAP];
  if (placed.includes(program.expectedAttachType)) refuse('EINVAL', 'runs behind a map only');
  if (flags & ~BPF_F_TEST_XDP_LIVE_FRAMES) refuse('EINVAL', 'flags');
  const isLive = (flags & BPF_F_TEST_XDP_LIVE_FRAMES) !== 0;
  if (program.bound) refuse('EINVAL', `the program is bound to ${program.bound.path}`);
  if (!isLive && batchSize !== 0) refuse('EINVAL', 'batch_size is for live frames');
  if (batchSize > MOST_BATCH) refuse('E2BIG', 'batch_size');
  const bytes = contextOf(attr, 'xdp_md');
  const field = fieldsOf(bytes);
  const metadata = field(0);
  if (bytes) {
    if (field(8) !== 0 || field(4) > size || metadata > field(4)) {
      refuse('EINVAL', 'bounds of the packet');
    }
    if (isLive && (attr.dataOut || attr.ctxOut)) refuse('EINVAL', 'live frames do not come back');
    if (metadata % 4 !== 0 || metadata > MOST_METADATA) refuse('EINVAL', 'size of metadata');
  }
  const room = MOST_XDP + metadata - (isLive ? PAGE_HEAD : 0);
  const linear = Math.min(bytes ? field(4) : size, room);
  if (isLive && size > linear) refuse('EINVAL', 'live frames have no fragments');
  if (size - metadata < ETHERNET_HEADER) refuse('EINVAL', 'no packet is as short');
  userBytes(attr.dataIn, linear);
  const device = bytes && checkReceiver(process, program, field);
  if (size - linear > MOST_FRAGS * PAGE) refuse('ENOMEM', 'more fragments than there can be');
  const data = userBytes(attr.dataIn, size);
  const where = device ? { device: device.name } : {};
  const live = isLive ? { live: batchSize || USUAL_BATCH } : {};
  return { data, bytes, metadata, linear, ...where, ...live };
}

type Field = (offset: number) => number;

/** xdp_convert_md_to_buff */
function checkReceiver(process: Process, program: MachineProgram, field: Field) {
  const [ifindex, queue, egress] = [field(12), field(16), field(20)];
  if (egress !== 0) refuse('EINVAL', 'egress_ifindex');
  if (ifindex === 0 && queue !== 0) refuse('EINVAL', 'a queue has a device');
  if (ifindex === 0) return undefined;
  const device = deviceAt(process, program, ifindex);
  if (queue !== 0) refuse('EINVAL', 'there is one queue');
  return device;
}

/** bpf_prog_test_run_syscall */
function checkSyscall(_process: Process, _program: MachineProgram, attr: ProgTestRunAttr): Input {
  const { ctxSizeIn = 0, repeat = 0, flags = 0, batchSize = 0, duration = 0 } = attr;
  if (attr.dataIn || attr.dataOut || attr.ctxOut) refuse('EINVAL', 'it has a context only');
  if (repeat || flags || batchSize || duration) refuse('EINVAL', 'it runs once');
  if (ctxSizeIn > MOST_CONTEXT) refuse('EINVAL', 'size of the context');
  return { bytes: ctxSizeIn > 0 ? userBytes(attr.ctxIn, ctxSizeIn) : undefined };
}

/** The context is changed where it is. */
function runSyscall(
  attr: ProgTestRunAttr,
  program: MachineProgram,
  context: Uint8Array | undefined,
): number {
  const result = program.run(context ? { context } : {});
  attr.retval = result.returnValue >>> 0;
  context?.set(result.context);
  return 0;
}

function deviceAt({ machine }: Process, program: MachineProgram, ifindex: number) {
  return machine.subsystemOf(program).deviceAt?.(ifindex) ?? refuse('ENODEV');
}

function checkSkb(process: Process, program: MachineProgram, attr: ProgTestRunAttr): Input {
  const { flags = 0, batchSize = 0, cpu = 0, dataSizeIn: size = 0 } = attr;
  if (flags & ~BPF_F_TEST_SKB_CHECKSUM_COMPLETE || cpu !== 0 || batchSize !== 0) refuse('EINVAL');
  if (flags !== 0) refuse('EOPNOTSUPP', 'no checksums of packets here');
  if (size < ETHERNET_HEADER || size > MOST_SKB) refuse('EINVAL', 'size of the packet');
  const data = userBytes(attr.dataIn, size);
  const bytes = contextOf(attr, '__sk_buff');
  const field = fieldsOf(bytes);
  const ifindex = bytes ? field(40) : 0;
  const device = ifindex > 1 ? deviceAt(process, program, ifindex) : undefined;
  const protocol = (data[12]! << 8) | data[13]!;
  if (protocol === IPV4 && size < ETHERNET_HEADER + 20) refuse('EINVAL', 'no IP header');
  if (protocol === IPV6 && size < ETHERNET_HEADER + 40) refuse('EINVAL', 'no IPv6 header');
  if (bytes) checkSkbContext(bytes, field, size);
  return { data, bytes, ...(device && { device: device.name }) };
}

function noFlags({ flags = 0, cpu = 0, batchSize = 0 }: ProgTestRunAttr): void {
  if (flags !== 0 || cpu !== 0 || batchSize !== 0) refuse('EINVAL', 'flags, cpu, batch_size');
}

/** bpf_prog_test_run_flow_dissector; what the context may say its subsystem knows. */
function checkFlow(_: Process, __: MachineProgram, attr: ProgTestRunAttr): Input {
  noFlags(attr);
  const { dataSizeIn: size = 0 } = attr;
  if (size < ETHERNET_HEADER || size > PAGE) refuse('EINVAL', 'size of the packet');
  return { data: userBytes(attr.dataIn, size), bytes: contextOf(attr, 'bpf_flow_keys') };
}

/** bpf_prog_test_run_nf */
function checkNetfilter(_: Process, __: MachineProgram, attr: ProgTestRunAttr): Input {
  noFlags(attr);
  const { dataSizeIn: size = 0 } = attr;
  if (size < 20 || size > MOST_SKB - 2) refuse('EINVAL', 'size of the packet');
  return { data: userBytes(attr.dataIn, size), bytes: contextOf(attr, NF_HOOK_STATE) };
}

/** Members of struct __sk_buff that a caller may set: all other bytes are zero. */
const SETTABLE = ['mark', 'priority', 'ingress_ifindex', 'ifindex', 'cb', 'tstamp', 'wire_len'];
const MORE_SETTABLE = ['gso_segs', 'gso_size', 'hwtstamp'];
const GSO_MAX_SEGS = 65535;

function checkSkbContext(bytes: Uint8Array, field: Field, size: number): void {
  const rest = bytes.slice();
  for (const { name, offset, size: length } of structs['__sk_buff']!.fields) {
    if ([...SETTABLE, ...MORE_SETTABLE].includes(name)) rest.fill(0, offset, offset + length);
  }
  if (rest.some((byte) => byte !== 0)) refuse('EINVAL', 'a member that may not be set');
  const wire = field(160);
  if (wire !== 0 && (wire < size || wire > 65536)) refuse('EINVAL', 'wire_len');
  if (field(164) > GSO_MAX_SEGS) refuse('EINVAL', 'gso_segs');
}

function fieldsOf(bytes: Uint8Array | undefined): Field {
  const view = bytes && new DataView(bytes.buffer);
  return (offset) => view?.getUint32(offset, true) ?? 0;
}

/** bpf_ctx_init: as large as the struct, what the caller left out is zero. */
function contextOf(attr: ProgTestRunAttr, struct: string | number): Uint8Array | undefined {
  if (!attr.ctxIn && !attr.ctxOut) return undefined;
  const size = typeof struct === 'number' ? struct : structs[struct]!.size;
  const bytes = new Uint8Array(size);
  if (!attr.ctxIn) return bytes;
  const { ctxSizeIn = 0 } = attr;
  checkTail(attr.ctxIn, bytes.length, ctxSizeIn);
  bytes.set(userBytes(attr.ctxIn, Math.min(bytes.length, ctxSizeIn)));
  return bytes;
}

/** bpf_test_finish, bpf_ctx_finish; `after`: the context that goes back. */
function finish(attr: ProgTestRunAttr, result: RunResult, after: Uint8Array | undefined): number {
  const data = result.data ?? new Uint8Array(0);
  const room = attr.dataSizeOut ?? 0;
  const copied = room > 0 ? Math.min(room, data.length) : data.length;
  const cut = room > 0 && data.length > room;
  if (attr.dataOut) userBytes(attr.dataOut, copied).set(data.subarray(0, copied));
  attr.dataSizeOut = data.length;
  attr.retval = result.returnValue >>> 0;
  attr.duration = Math.min(0xffffffff, Math.round(result.duration));
  if (cut) refuse('ENOSPC', 'the packet is longer');
  if (!after || !attr.ctxOut) return 0;
  const { ctxSizeOut = 0 } = attr;
  const size = Math.min(ctxSizeOut, after.length);
  userBytes(attr.ctxOut, size).set(after.subarray(0, size));
  attr.ctxSizeOut = after.length;
  return size < after.length ? refuse('ENOSPC', 'the context is longer') : 0;
}

/** xdp_convert_buff_to_md: addresses are offsets from the metadata for the caller. */
function xdpAfter({ context }: RunResult, given: Uint8Array): Uint8Array {
  const after = given.slice();
  const view = new DataView(after.buffer);
  const ran = new DataView(context.buffer, context.byteOffset);
  const start = ran.getUint32(8, true);
  view.setUint32(0, ran.getUint32(0, true) - start, true);
  view.setUint32(4, ran.getUint32(4, true) - start, true);
  return after;
}

/** convert_skb_to___skb: what goes back; gso_size does not. */
function skbAfter({ context }: RunResult, given: Uint8Array): Uint8Array {
  const after = given.slice();
  for (const { name, offset, size } of structs['__sk_buff']!.fields) {
    const back = SETTABLE.includes(name) || name === 'gso_segs' || name === 'hwtstamp';
    if (back) after.set(context.subarray(offset, offset + size), offset);
  }
  return after;
}
