/** Fields of contexts that need more than a chain of loads (net/core/filter.c). */
import type { KernelField, SpecialField } from '../../../abi/context/kernel/index.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_B,
  BPF_DW,
  BPF_JEQ,
  BPF_JGE,
  BPF_JSET,
  BPF_MOV,
  BPF_SUB,
} from '../../../isa/index.ts';
import {
  alu32Imm,
  aluReg,
  AX,
  type Insn,
  jump,
  jump32Imm,
  jumpImm,
  load,
  movImm,
  movReg,
  store,
} from '../patch/insn.ts';
import {
  type Access,
  sizeBits,
  spareRegister,
  storesConstant,
  storesRegister,
  storeTo,
} from './access.ts';
import type { Converted } from './fields.ts';
import { offsetOf, placeOf } from './members.ts';

/** Queue numbers from here on mean none (NO_QUEUE_MAPPING). */
const NO_QUEUE = 0xffff;
/** Bits of the byte at sk_buff.__mono_tc_offset. */
const TSTAMP_TYPE = 3;
const AT_INGRESS = 1 << 2;

type Recipe = (field: KernelField, access: Access) => Converted;

/** The code of a field with a recipe; undefined: it is a chain of loads like others. */
export function specialCode(field: KernelField, access: Access): Converted | undefined {
  return RECIPES[field.special!]?.(field, access);
}

const RECIPES: Readonly<Partial<Record<SpecialField, Recipe>>> = {
  queue_mapping: queueMapping,
  tstamp: (_, access) => ({ code: timestamp(access), bytes: 8 }),
  shared_info: sharedInfo,
  sock_ops_tcp: (field, access) => tcpField(field, access),
  sock_ops_sk: (_, access) => ({ code: fullSocket(access, []), bytes: 8 }),
  sock_ops_hwtstamp: packetTimestamp,
  sk_skb_data_end: (_, access) => ({ code: linearEnd(access), bytes: 8 }),
  zero: ({ whole }, { dst }) => ({ code: [alu32Imm(BPF_MOV, dst, 0)], bytes: whole! }),
};

/** Numbers that mean no queue are not stored. */
function queueMapping({ path }: KernelField, access: Access): Converted {
  const { offset, size } = placeOf(access.btf, path);
  if (!access.write) {
    return { code: [load(sizeBits(size), access.dst, access.src, offset)], bytes: size };
  }
  if (storesConstant(access) && access.imm >= NO_QUEUE) return { code: [jump(0)], bytes: size };
  const code = [storeTo(access, size, access.dst, offset)];
  if (storesRegister(access)) code.unshift(jumpImm(BPF_JGE, access.src, NO_QUEUE, 1));
  return { code, bytes: size };
}

/** skb_shinfo: behind the packet's data. */
function toSharedInfo({ btf, dst }: Access, skb: number): Insn[] {
  const end = placeOf(btf, 'sk_buff.end');
  const head = placeOf(btf, 'sk_buff.head');
  return [
    load(sizeBits(end.size), AX, skb, end.offset),
    load(sizeBits(head.size), dst, skb, head.offset),
    aluReg(BPF_ADD, dst, AX),
  ];
}

function sharedInfo({ path }: KernelField, access: Access): Converted {
  const { offset, size } = placeOf(access.btf, path);
  const { dst, src } = access;
  return {
    code: [...toSharedInfo(access, src), load(sizeBits(size), dst, dst, offset)],
    bytes: size,
  };
}

/** The time of the packet an event is about, if it is about one. */
function packetTimestamp({ path }: KernelField, access: Access): Converted {
  const { dst, src, btf } = access;
  const { offset, size } = placeOf(btf, path);
  const rest = [...toSharedInfo(access, dst), load(sizeBits(size), dst, dst, offset)];
  const skb = offsetOf(btf, 'bpf_sock_ops_kern.skb');
  return {
    code: [load(BPF_DW, dst, src, skb), jumpImm(BPF_JEQ, dst, 0, rest.length), ...rest],
    bytes: size,
  };
}

/**
 * Times of packets that come in are not what the field holds while they are on their way out:
 * unless the program asks which they are, it does not see those, and setting one makes it a receive
 * time.
 */
function timestamp(access: Access): Insn[] {
  const { btf, dst, src, write, knowsTimestampType } = access;
  const time = offsetOf(btf, 'sk_buff.tstamp');
  const flags = offsetOf(btf, 'sk_buff.__mono_tc_offset');
  const last = write ? storeTo(access, 8, dst, time) : load(BPF_DW, dst, src, time);
  if (knowsTimestampType) return [last];
  const isIngress = [
    load(BPF_B, AX, write ? dst : src, flags),
    jump32Imm(BPF_JSET, AX, AT_INGRESS, 1),
  ];
  if (write) {
    const clear = [alu32Imm(BPF_AND, AX, ~TSTAMP_TYPE), store(BPF_B, dst, AX, flags)];
    return [...isIngress, jump(2), ...clear, last];
  }
  const isDelivery = [jump(4), jump32Imm(BPF_JSET, AX, TSTAMP_TYPE, 1), jump(2)];
  return [...isIngress, ...isDelivery, movImm(dst, 0), jump(1), last];
}

/** A field of the TCP socket of an event; 0 when that is no full socket yet. */
function tcpField({ path }: KernelField, access: Access): Converted {
  const { offset, size } = placeOf(access.btf, path);
  const { btf, dst } = access;
  if (!access.write) {
    return { code: fullSocket(access, [load(sizeBits(size), dst, dst, offset)]), bytes: size };
  }
  const register = spareRegister(access);
  const scratch = offsetOf(btf, 'bpf_sock_ops_kern.temp');
  const full = placeOf(btf, 'bpf_sock_ops_kern.is_fullsock');
  const code = [
    store(BPF_DW, dst, register, scratch),
    load(sizeBits(full.size), register, dst, full.offset),
    jumpImm(BPF_JEQ, register, 0, 2),
    load(BPF_DW, register, dst, offsetOf(btf, 'bpf_sock_ops_kern.sk')),
    storeTo(access, size, register, offset),
    load(BPF_DW, register, dst, scratch),
  ];
  return { code, bytes: size };
}

/** The full socket of an event and what is loaded from it; 0 if it is none. */
function fullSocket(access: Access, then: readonly Insn[]): Insn[] {
  const { btf, dst, src } = access;
  const full = placeOf(btf, 'bpf_sock_ops_kern.is_fullsock');
  const scratch = offsetOf(btf, 'bpf_sock_ops_kern.temp');
  const socket = load(BPF_DW, dst, src, offsetOf(btf, 'bpf_sock_ops_kern.sk'));
  if (dst !== src) {
    return [
      load(sizeBits(full.size), dst, src, full.offset),
      jumpImm(BPF_JEQ, dst, 0, 1 + then.length),
      socket,
      ...then,
    ];
  }
  // The context must last until the answer is known: another register is borrowed.
  const register = spareRegister(access);
  return [
    store(BPF_DW, src, register, scratch),
    load(sizeBits(full.size), register, src, full.offset),
    jumpImm(BPF_JEQ, register, 0, 3 + then.length),
    load(BPF_DW, register, src, scratch),
    socket,
    ...then,
    jump(2),
    load(BPF_DW, register, src, scratch),
    movImm(dst, 0),
  ];
}

/** The end of what lies in one piece: data + len - data_len. */
function linearEnd(access: Access): Insn[] {
  const { btf, dst, src } = access;
  const scratch = offsetOf(btf, 'sk_buff.cb + sk_skb_cb.temp_reg');
  const borrowed = dst === src;
  const register = borrowed ? spareRegister(access) : dst;
  const member = (name: string, to: number): Insn => {
    const { offset, size } = placeOf(btf, `sk_buff.${name}`);
    return load(sizeBits(size), to, src, offset);
  };
  const sum = [
    member('data', register),
    member('len', AX),
    aluReg(BPF_ADD, register, AX),
    member('data_len', AX),
    aluReg(BPF_SUB, register, AX),
  ];
  if (!borrowed) return sum;
  return [
    store(BPF_DW, src, register, scratch),
    ...sum,
    movReg(AX, src),
    movReg(dst, register),
    load(BPF_DW, register, AX, scratch),
  ];
}
