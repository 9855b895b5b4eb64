/** Programs of the kernel this process runs on. */
import { enums, errnoName, structs } from '../abi/index.ts';
import { verdictWord } from '../abi/verdicts.ts';
import { KernelError } from '../base/index.ts';
import type {
  AttachOptions,
  KernelLink,
  KernelProgram,
  ProgramVerification,
  RunOptions,
  RunResult,
} from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';
import type { VerifierInput } from '../verifier/index.ts';
import { attachProgram } from './attach.ts';
import { ifindexOf } from './devices.ts';
import { closeFd, Info, type System } from './system.ts';

const types = enums.bpf_prog_type;
/** Bytes of a packet that may come back. */
const ROOM = 1 << 17;
const LIVE_FRAMES = 2;
/** Only these have a packet. */
const WITH_PACKET: readonly number[] = [
  types.BPF_PROG_TYPE_XDP,
  types.BPF_PROG_TYPE_SCHED_CLS,
  types.BPF_PROG_TYPE_SCHED_ACT,
  types.BPF_PROG_TYPE_SOCKET_FILTER,
  types.BPF_PROG_TYPE_CGROUP_SKB,
  types.BPF_PROG_TYPE_LWT_IN,
  types.BPF_PROG_TYPE_LWT_OUT,
  types.BPF_PROG_TYPE_LWT_XMIT,
  types.BPF_PROG_TYPE_LWT_SEG6LOCAL,
  types.BPF_PROG_TYPE_FLOW_DISSECTOR,
  types.BPF_PROG_TYPE_NETFILTER,
];
/** Members of struct __sk_buff that a caller may set; the others must be zero. */
const SETTABLE: readonly string[] =
  'mark priority ingress_ifindex ifindex cb tstamp wire_len gso_segs gso_size hwtstamp'.split(' ');

/** What a program was loaded from. */
export interface ProgramParts {
  readonly spec: ProgramSpec;
  readonly input: VerifierInput;
  /** What the verifier wrote, if it was asked to. */
  readonly log: string;
}

export class LinuxProgram implements KernelProgram {
  readonly id: number;
  readonly spec: ProgramSpec;
  readonly input: VerifierInput;
  readonly log: string;
  readonly verification: ProgramVerification;
  readonly system: System;
  #fd: number;

  /** Takes the file descriptor over. */
  constructor(system: System, fd: number, { spec, input, log }: ProgramParts) {
    this.system = system;
    this.#fd = fd;
    this.spec = spec;
    this.input = input;
    this.log = log;
    const info = new Info(system, fd, 'prog');
    this.id = info.number('id');
    this.verification = { insns: info.number('verified_insns'), time: verificationTime(log) };
  }

  /** -1 when it is closed. */
  get fd(): number {
    return this.#fd;
  }

  /** BPF_PROG_TYPE_* */
  get typeId(): number {
    return this.input.type;
  }

  run(options: RunOptions = {}): RunResult {
    const { live } = options;
    const data = options.data ?? new Uint8Array(0);
    const hasPacket = WITH_PACKET.includes(this.typeId);
    const ctxIn = this.#context(options, data);
    const backs = hasPacket && live === undefined;
    const dataOut = backs ? new Uint8Array(Math.max(ROOM, 2 * data.length)) : undefined;
    const ctxOut = backs && ctxIn ? new Uint8Array(ctxIn.length) : undefined;
    const attr = {
      progFd: this.#fd,
      ...(hasPacket && { dataIn: data, dataSizeIn: data.length, repeat: options.repeat ?? 1 }),
      ...(dataOut && { dataOut }),
      dataSizeOut: dataOut?.length ?? 0,
      ...(ctxIn && { ctxIn, ctxSizeIn: ctxIn.length }),
      ...(ctxOut && { ctxOut }),
      ctxSizeOut: ctxOut?.length ?? 0,
      ...(live !== undefined && { flags: LIVE_FRAMES, batchSize: live }),
      retval: 0,
      duration: 0,
    };
    const result = this.system.bpf.progTestRun(attr);
    if (result < 0) {
      const text = `program '${this.spec.name}' was not run`;
      throw new KernelError(errnoName(result), -result, text);
    }
    const returnValue = attr.retval | 0;
    return {
      returnValue,
      verdict: verdictWord(this.spec.type, returnValue),
      data: dataOut ? dataOut.slice(0, attr.dataSizeOut) : hasPacket ? data : undefined,
      context: ctxOut ?? ctxIn ?? new Uint8Array(0),
      duration: attr.duration,
    };
  }

  /** What the kernel takes as a context, from the one the program is to see. */
  #context(
    { context, metadata = 0, linear, device }: RunOptions,
    data: Uint8Array,
  ): Uint8Array | undefined {
    const ifindex = device === undefined ? 0 : ifindexOf(device);
    if (this.typeId === types.BPF_PROG_TYPE_XDP) {
      if (!context && metadata === 0 && linear === undefined && ifindex === 0) return undefined;
      return xdpContext(context, metadata, linear ?? data.length, ifindex);
    }
    const isSkb = WITH_PACKET.slice(1, 9).includes(this.typeId);
    if (!isSkb) return context;
    if (!context && ifindex === 0) return undefined;
    return skbContext(context, ifindex);
  }

  attach(options: AttachOptions): KernelLink {
    return attachProgram(this, options);
  }

  close(): void {
    closeFd(this.system, this.#fd);
    this.#fd = -1;
  }
}

const DATA_END = 4;
const INGRESS_IFINDEX = 12;
const RX_QUEUE = 16;

/** struct xdp_md: metadata in front, where the first buffer ends, where the packet came in. */
function xdpContext(
  context: Uint8Array | undefined,
  metadata: number,
  linear: number,
  ifindex: number,
): Uint8Array {
  const bytes = new Uint8Array(structs['xdp_md']!.size);
  const view = new DataView(bytes.buffer);
  const from = context && new DataView(context.buffer, context.byteOffset, context.byteLength);
  const member = (at: number) => (from && from.byteLength >= at + 4 ? from.getUint32(at, true) : 0);
  view.setUint32(0, metadata, true);
  view.setUint32(DATA_END, linear, true);
  view.setUint32(INGRESS_IFINDEX, ifindex || member(INGRESS_IFINDEX), true);
  view.setUint32(RX_QUEUE, member(RX_QUEUE), true);
  return bytes;
}

function skbContext(context: Uint8Array | undefined, ifindex: number): Uint8Array {
  const bytes = new Uint8Array(structs['__sk_buff']!.size);
  for (const { name, offset, size } of structs['__sk_buff']!.fields) {
    if (SETTABLE.includes(name) && context) {
      bytes.set(context.subarray(offset, offset + size), offset);
    }
    if (name === 'ifindex' && ifindex !== 0) {
      new DataView(bytes.buffer).setUint32(offset, ifindex, true);
    }
  }
  return bytes;
}

/** Microseconds, if the log tells: 0 else. */
const verificationTime = (log: string): number =>
  Number(/^verification time (\d+) usec/m.exec(log)?.[1] ?? 0);
