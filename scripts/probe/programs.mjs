/**
 * The tiny programs of the records in tests/fixtures/oracle: who they are (type, attach type,
 * target) and their instructions. Used to ask the kernel, and by tests to ask the same of ours.
 */

/** Opcodes of loads and stores by size: the size bits. */
const SIZE_BITS = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/** One instruction in wire format. */
export function insn(code, dst, src, offset, imm) {
  const bytes = Buffer.alloc(8);
  bytes[0] = code;
  bytes[1] = dst | (src << 4);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(imm | 0, 4);
  return bytes;
}

export const mov = (dst, imm) => insn(0xb7, dst, 0, 0, imm);
export const mov32 = (dst, imm) => insn(0xb4, dst, 0, 0, imm);
export const copy = (dst, src) => insn(0xbf, dst, src, 0, 0);
export const add = (dst, imm) => insn(0x07, dst, 0, 0, imm);
export const call = (helper) => insn(0x85, 0, 0, 0, helper);
export const exit = () => insn(0x95, 0, 0, 0, 0);
export const store64 = (dst, offset, imm) => insn(0x7a, dst, 0, offset, imm);
export const load = (size, dst, src, offset) => insn(0x61 | SIZE_BITS[size], dst, src, offset, 0);
export const loadSigned = (size, dst, src, offset) =>
  insn(0x81 | SIZE_BITS[size], dst, src, offset, 0);
export const store = (size, dst, offset) => insn(0x62 | SIZE_BITS[size], dst, 0, offset, 0);
/** `dst = imm ll`; source 1 makes it the map of that index. */
export const loadImm64 = (dst, low, high = 0, source = 0) =>
  Buffer.concat([insn(0x18, dst, source, 0, low), insn(0, 0, 0, 0, high)]);
export const jumpIfZero = (dst, offset) => insn(0x15, dst, 0, offset, 0);
export const jumpIfAbove = (dst, src, offset) => insn(0x2d, dst, src, offset, 0);

const code = (...insns) => Buffer.concat(insns.flat());
const zeroArguments = [2, 3, 4, 5].map((register) => mov(register, 0));

/** r2..r5 are 0, r1 is the context. */
export const helperProgram = (helper) => code(zeroArguments, call(helper), mov(0, 0), exit());

/** The same for a kfunc, by its BTF id. */
export const kfuncProgram = (btfId) =>
  code(zeroArguments, insn(0x85, 0, 2, 0, btfId), mov(0, 0), exit());

const SPECIAL_RETURNS = {
  '-1w': mov32(0, -1),
  '1<<32': loadImm64(0, 0, 1),
  '1<<32|1': loadImm64(0, 1, 1),
  unset: Buffer.alloc(0),
};

/** Values asked for: numbers, the low half -1, numbers above 32 bits, and r0 left alone. */
export const RETURN_VALUES = [
  ...[-4096, -4095, -100, -1, 0, 1, 2, 3, 4, 5, 1000, 0x7fffffff].map(String),
  ...Object.keys(SPECIAL_RETURNS),
];

export const returnProgram = (value) =>
  code(SPECIAL_RETURNS[value] ?? mov(0, Number(value)), exit());

export const ACCESSES = ['read', 'read_signed', 'write'];

/** One access through `register`; a load goes to r2. */
export function access(kind, size, register, offset) {
  if (kind === 'write') return store(size, register, offset);
  return (kind === 'read' ? load : loadSigned)(size, 2, register, offset);
}

export const contextProgram = (kind, size, offset, result) =>
  code(access(kind, size, 1, offset), mov(0, result), exit());

/** BPF_LD_ABS of a byte. */
export const legacyLoadProgram = () => code(copy(6, 1), insn(0x30, 0, 0, 0, 0), mov(0, 0), exit());

/** Where contexts have the packet's bounds, with the size of such a field. */
export const PACKET_FIELDS = {
  sched_cls: [76, 80, 4],
  sched_act: [76, 80, 4],
  xdp: [0, 4, 4],
  cgroup_skb: [76, 80, 4],
  lwt_in: [76, 80, 4],
  lwt_out: [76, 80, 4],
  lwt_xmit: [76, 80, 4],
  lwt_seg6local: [76, 80, 4],
  sk_skb: [76, 80, 4],
  sk_msg: [0, 8, 8],
  sk_reuseport: [0, 8, 8],
  flow_dissector: [76, 80, 4],
  cgroup_sockopt: [8, 16, 8],
  sock_ops: [192, 200, 8],
};

/** Uses of 16 checked bytes of the packet (in r2), with the number of instructions. */
const PACKET_USES = {
  read: [load(1, 0, 2, 0)],
  write: [store(1, 2, 0)],
  // bpf_map_lookup_elem may read its key from a packet, bpf_trace_printk no format.
  'helper pkt_access': [loadImm64(1, 0, 0, 1), call(1)],
  helper: [copy(1, 2), mov(2, 8), call(6)],
};
export const packetUses = Object.keys(PACKET_USES);

export function packetProgram(type, use, result) {
  const [data, end, size] = PACKET_FIELDS[type];
  const body = code(PACKET_USES[use]);
  return code(
    load(size, 2, 1, data),
    load(size, 3, 1, end),
    copy(4, 2),
    add(4, 16),
    jumpIfAbove(4, 3, body.length / 8),
    body,
    mov(0, result),
    exit(),
  );
}
