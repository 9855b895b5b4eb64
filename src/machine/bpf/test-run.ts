import { constants, enums, structs } from '../../abi/index.ts';
import type { ProgTestRunAttr, RunResult } from '../../kernel/index.ts';
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
const MOST_SKB = 4096 - 64 - 320;
const MOST_XDP = 4096 - XDP_PACKET_HEADROOM - 320;
/** Headroom without struct xdp_frame. */
const MOST_METADATA = XDP_PACKET_HEADROOM - 40;
/** Fragments of a page each (MAX_SKB_FRAGS). */
const MOST_FRAGS = 17;
/** struct nf_hook_state is no struct of the ABI: its size. */
const NF_HOOK_STATE = 48;
const PAGE = 4096;
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
  const context = kind.check(process, program, attr);
  const result = program.run({
    data: context.data,
    ...(context.bytes && { context: context.bytes }),
    repeat: Math.max(1, attr.repeat ?? 1),
  });
  return finish(attr, result, context.bytes);
}

interface Input {
  readonly data: Uint8Array;
  /** Undefined: the caller wants no context. */
  readonly bytes: Uint8Array | undefined;
}

interface Kind {
  /** Throws KernelError for what Linux refuses, in its order. */
  check(process: Process, program: MachineProgram, attr: ProgTestRunAttr): Input;
}

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [types.BPF_PROG_TYPE_XDP, { check: checkXdp }],
  [types.BPF_PROG_TYPE_SCHED_CLS, { check: checkSkb }],
  [types.BPF_PROG_TYPE_SCHED_ACT, { check: checkSkb }],
  [types.BPF_PROG_TYPE_SOCKET_FILTER, { check: checkSkb }],
  [types.BPF_PROG_TYPE_CGROUP_SKB, { check: checkSkb }],
  [types.BPF_PROG_TYPE_LWT_IN, { check: checkSkb }],
  [types.BPF_PROG_TYPE_LWT_OUT, { check: checkSkb }],
  [types.BPF_PROG_TYPE_LWT_XMIT, { check: checkSkb }],
  [types.BPF_PROG_TYPE_LWT_SEG6LOCAL, { check: checkSkb }],
  [types.BPF_PROG_TYPE_FLOW_DISSECTOR, { check: checkFlow }],
  [types.BPF_PROG_TYPE_NETFILTER, { check: checkNetfilter }],
]);

function checkXdp(process: Process, program: MachineProgram, attr: ProgTestRunAttr): Input {
  const { flags = 0, batchSize = 0, dataSizeIn: size = 0 } = attr;
  const placed: readonly number[] = [attach.BPF_XDP_DEVMAP, attach.BPF_XDP_CPUMAP];
  if (placed.includes(program.expectedAttachType)) refuse('EINVAL', 'runs behind a map only');
  if (flags & ~BPF_F_TEST_XDP_LIVE_FRAMES) refuse('EINVAL', 'flags');
  if (flags & BPF_F_TEST_XDP_LIVE_FRAMES) refuse('EOPNOTSUPP', 'no live frames here');
  if (batchSize !== 0) refuse('EINVAL', 'batch_size is for live frames');
  const bytes = contextOf(attr, 'xdp_md');
  const field = fieldsOf(bytes);
  if (bytes) {
    const [data, end] = [field(0), field(4)];
    if (field(8) !== 0 || end > size || data > end) refuse('EINVAL', 'bounds of the packet');
    if (data % 4 !== 0 || data > MOST_METADATA) refuse('EINVAL', 'size of metadata');
    if (data !== 0) refuse('EOPNOTSUPP', 'no metadata in front of packets here');
  }
  const linear = Math.min(bytes ? field(4) : size, MOST_XDP);
  if (size < ETHERNET_HEADER) refuse('EINVAL', 'no packet is as short');
  userBytes(attr.dataIn, linear);
  if (bytes) checkReceiver(process, program, field);
  if (size - linear > MOST_FRAGS * 4096) refuse('ENOMEM', 'more fragments than there can be');
  return { data: userBytes(attr.dataIn, size), bytes };
}

type Field = (offset: number) => number;

/** xdp_convert_md_to_buff */
function checkReceiver(process: Process, program: MachineProgram, field: Field): void {
  const [ifindex, queue, egress] = [field(12), field(16), field(20)];
  if (egress !== 0) refuse('EINVAL', 'egress_ifindex');
  if (ifindex === 0 && queue !== 0) refuse('EINVAL', 'a queue has a device');
  if (ifindex === 0) return;
  if (!process.machine.subsystemOf(program).deviceAt?.(ifindex)) refuse('ENODEV');
  if (queue !== 0) refuse('EINVAL', 'there is one queue');
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
  if (ifindex > 1 && !process.machine.subsystemOf(program).deviceAt?.(ifindex)) refuse('ENODEV');
  const protocol = (data[12]! << 8) | data[13]!;
  if (protocol === IPV4 && size < ETHERNET_HEADER + 20) refuse('EINVAL', 'no IP header');
  if (protocol === IPV6 && size < ETHERNET_HEADER + 40) refuse('EINVAL', 'no IPv6 header');
  if (bytes) checkSkbContext(bytes, field, size);
  return { data, bytes };
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

/** bpf_test_finish, bpf_ctx_finish */
function finish(attr: ProgTestRunAttr, result: RunResult, context: Uint8Array | undefined): number {
  const data = result.data ?? new Uint8Array(0);
  const room = attr.dataSizeOut ?? 0;
  const copied = room > 0 ? Math.min(room, data.length) : data.length;
  const cut = room > 0 && data.length > room;
  if (attr.dataOut) userBytes(attr.dataOut, copied).set(data.subarray(0, copied));
  attr.dataSizeOut = data.length;
  attr.retval = result.returnValue >>> 0;
  attr.duration = Math.min(0xffffffff, Math.round(result.duration));
  if (cut) refuse('ENOSPC', 'the packet is longer');
  if (!context || !attr.ctxOut) return 0;
  const { ctxSizeOut = 0 } = attr;
  const size = Math.min(ctxSizeOut, context.length);
  const after = contextAfter(result, context, data.length);
  userBytes(attr.ctxOut, size).set(after.subarray(0, size));
  attr.ctxSizeOut = context.length;
  return size < context.length ? refuse('ENOSPC', 'the context is longer') : 0;
}

/** Addresses in the context are offsets for the caller. */
function contextAfter({ context }: RunResult, given: Uint8Array, length: number): Uint8Array {
  const after = context.slice(0, given.length);
  if (given.length !== structs['xdp_md']!.size) return after;
  const view = new DataView(after.buffer, after.byteOffset);
  view.setUint32(0, 0, true);
  view.setUint32(4, length, true);
  view.setUint32(8, 0, true);
  return after;
}
