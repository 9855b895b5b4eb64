/**
 * The register record: 32 words of an `Int32Array`, and the numbers that stand in them.
 *
 * A register is named by the words of its frame and the offset of its record: `(w, r)`. Frame words
 * hold records 0..10 for r0..r10, then one record per 8-byte stack slot (slot 0 is fp-8). 64-bit
 * values are two words, low half first. Mirrors struct bpf_reg_state, enum bpf_reg_type and enum
 * bpf_type_flag of Linux 6.12; the order of the words matters, because equality of states compares
 * a prefix of the record.
 */

/** Words of a record; the shift turns a record's number into its offset. */
export const REG_WORDS = 32;
export const REG_SHIFT = 5;

/** Registers a call does not keep: r0 to r5. */
export const CALLER_SAVED_REGS = 6;
export { FRAME_POINTER } from '../../isa/opcodes.ts';

export const TYPE = 0;
/** Fixed part of a pointer's offset, or the constant delta between linked scalars. */
export const OFF = 1;
/**
 * Four words whose meaning depends on the type. Bytes of another meaning stay behind in them, and
 * the comparison of states sees those, as in the kernel.
 */
export const U0 = 2;
export const U1 = 3;
export const U2 = 4;
export const U3 = 5;
/** tnum: known bits, and mask of the unknown ones. For pointers: the variable offset. */
export const VALUE = 6;
export const MASK = 8;
export const SMIN = 10;
export const SMAX = 12;
export const UMIN = 14;
export const UMAX = 16;
export const S32_MIN = 18;
export const S32_MAX = 19;
export const U32_MIN = 20;
export const U32_MAX = 21;
export const ID = 22;
export const REF_OBJ_ID = 23;
/**
 * The register that takes this one's read marks (the kernel's `parent` pointer): checkpoint number,
 * frame and record in one word, see `parentOf`; 0: none. It moves with the record: arguments of a
 * callee and results of a caller keep the parent of the register they were copied from. Slots do
 * not move: theirs is the same slot of the frame's `parent`.
 */
export const PARENT = 24;
/** Frame a stack pointer points into. */
export const FRAMENO = 25;
/** Index of the instruction that last wrote the low half only, or DEF_NOT_SUBREG. */
export const SUBREG_DEF = 26;
/**
 * Registers of running paths: REG_LIVE_WRITTEN or nothing. Marks of slots and of checkpoints stand
 * in the masks of their frame.
 */
export const LIVE = 27;
/** 1: the scalar's value matters for safety. */
export const PRECISE = 28;
/** 8 bytes of stack slot types (only in stack records), byte 0 is the lowest address. */
export const SLOT_TYPES = 29;
/** Number of the walk's step that wrote the record: for explanations only, never compared. */
export const DEFINED_AT = 31;

/** Words of the exact prefix compare (up to, not including, `id`). */
export const PREFIX_BEFORE_ID = ID;
/** Words of the exact prefix compare of two records (up to, not including, `parent`). */
export const PREFIX_BEFORE_PARENT = PARENT;

// The union words by type.
/** Packet pointers: bytes proven to be there. */
export const RANGE = U0;
/** Map pointers, values, keys: index into `env.maps` plus 1 (U1 stays 0). */
export const MAP = U0;
/** Nonzero for pointers to inner maps and their values: which lookup they came from. */
export const MAP_UID = U2;
/** PTR_TO_BTF_ID: index into `env.btfs` plus 1 (U1 stays 0), type id. */
export const BTF = U0;
export const BTF_ID = U2;
export const MEM_SIZE = U0;
/** Slices of a dynptr: which one. */
export const DYNPTR_ID = U1;
/** Dynptr stack slots and CONST_PTR_TO_DYNPTR. */
export const DYNPTR_TYPE = U0;
export const DYNPTR_FIRST_SLOT = U1;
/** Iterator slots: BTF and BTF_ID as above; state in bits 0..1, depth in bits 2..31. */
export const ITER_STATE_DEPTH = U3;
/** PTR_TO_FUNC. */
export const SUBPROGNO = U0;

// enum bpf_reg_type
export const NOT_INIT = 0;
export const SCALAR_VALUE = 1;
export const PTR_TO_CTX = 2;
export const CONST_PTR_TO_MAP = 3;
export const PTR_TO_MAP_VALUE = 4;
export const PTR_TO_MAP_KEY = 5;
export const PTR_TO_STACK = 6;
export const PTR_TO_PACKET_META = 7;
export const PTR_TO_PACKET = 8;
export const PTR_TO_PACKET_END = 9;
export const PTR_TO_FLOW_KEYS = 10;
export const PTR_TO_SOCKET = 11;
export const PTR_TO_SOCK_COMMON = 12;
export const PTR_TO_TCP_SOCK = 13;
export const PTR_TO_TP_BUFFER = 14;
export const PTR_TO_XDP_SOCK = 15;
export const PTR_TO_BTF_ID = 16;
export const PTR_TO_MEM = 17;
export const PTR_TO_ARENA = 18;
export const PTR_TO_BUF = 19;
export const PTR_TO_FUNC = 20;
export const CONST_PTR_TO_DYNPTR = 21;

/** Low bits of a type: what it points to; the rest are flags. */
export const BASE_TYPE_MASK = 0xff;
export const PTR_MAYBE_NULL = 1 << 8;
export const MEM_RDONLY = 1 << 9;
export const MEM_RINGBUF = 1 << 10;
export const MEM_USER = 1 << 11;
export const MEM_PERCPU = 1 << 12;
export const OBJ_RELEASE = 1 << 13;
export const PTR_UNTRUSTED = 1 << 14;
export const MEM_UNINIT = 1 << 15;
export const DYNPTR_TYPE_LOCAL_FLAG = 1 << 16;
export const DYNPTR_TYPE_RINGBUF_FLAG = 1 << 17;
export const MEM_FIXED_SIZE = 1 << 18;
export const MEM_ALLOC = 1 << 19;
export const PTR_TRUSTED = 1 << 20;
export const MEM_RCU = 1 << 21;
export const NON_OWN_REF = 1 << 22;
export const DYNPTR_TYPE_SKB_FLAG = 1 << 23;
export const DYNPTR_TYPE_XDP_FLAG = 1 << 24;
export const MEM_ALIGNED = 1 << 25;
export const MEM_WRITE = 1 << 26;

export const PTR_TO_MAP_VALUE_OR_NULL = PTR_MAYBE_NULL | PTR_TO_MAP_VALUE;
export const PTR_TO_SOCKET_OR_NULL = PTR_MAYBE_NULL | PTR_TO_SOCKET;
export const PTR_TO_SOCK_COMMON_OR_NULL = PTR_MAYBE_NULL | PTR_TO_SOCK_COMMON;
export const PTR_TO_TCP_SOCK_OR_NULL = PTR_MAYBE_NULL | PTR_TO_TCP_SOCK;
export const PTR_TO_BTF_ID_OR_NULL = PTR_MAYBE_NULL | PTR_TO_BTF_ID;

/** What a type points to, without flags. */
export function baseType(type: number): number {
  return type & BASE_TYPE_MASK;
}

// enum bpf_reg_liveness
export const REG_LIVE_NONE = 0;
export const REG_LIVE_READ32 = 1;
export const REG_LIVE_READ64 = 2;
export const REG_LIVE_READ = 3;
export const REG_LIVE_WRITTEN = 4;

// enum bpf_stack_slot_type
export const STACK_INVALID = 0;
export const STACK_SPILL = 1;
export const STACK_MISC = 2;
export const STACK_ZERO = 3;
export const STACK_DYNPTR = 4;
export const STACK_ITER = 5;

// enum bpf_dynptr_type
export const BPF_DYNPTR_TYPE_INVALID = 0;
export const BPF_DYNPTR_TYPE_LOCAL = 1;
export const BPF_DYNPTR_TYPE_RINGBUF = 2;
export const BPF_DYNPTR_TYPE_SKB = 3;
export const BPF_DYNPTR_TYPE_XDP = 4;

// enum bpf_iter_state
export const BPF_ITER_STATE_INVALID = 0;
export const BPF_ITER_STATE_ACTIVE = 1;
export const BPF_ITER_STATE_DRAINED = 2;

/** Bit of an id: the scalar is linked with a constant delta in OFF. */
export const BPF_ADD_CONST = 0x8000_0000 | 0;
export const DEF_NOT_SUBREG = 0;

export const REG_SIZE = 8;
export const MAX_REGS = 11;
export const MAX_STACK = 512;
export const MAX_CALL_FRAMES = 8;
/** First stack record of a frame. */
export const STACK_BASE = MAX_REGS << REG_SHIFT;

/** Offset of register `n`'s record. */
export function regAt(n: number): number {
  return n << REG_SHIFT;
}

/** Offset of the record of stack slot `spi` (0 is fp-8). */
export function slotAt(spi: number): number {
  return STACK_BASE + (spi << REG_SHIFT);
}

/** `PARENT` word that names register `r` of frame `frameno` in checkpoint number `id` (from 1). */
export function parentOf(id: number, frameno: number, r: number): number {
  return (id << 10) | (frameno << 7) | (r >> REG_SHIFT);
}

/** Type of byte `i` (0..7) of the slot whose record is at `r`. */
export function slotType(w: Int32Array, r: number, i: number): number {
  return (w[r + SLOT_TYPES + (i >> 2)]! >> ((i & 3) << 3)) & 0xff;
}

/** Sets the type of byte `i` (0..7) of the slot whose record is at `r`. */
export function setSlotType(w: Int32Array, r: number, i: number, type: number): void {
  const at = r + SLOT_TYPES + (i >> 2);
  const shift = (i & 3) << 3;
  w[at] = (w[at]! & ~(0xff << shift)) | (type << shift);
}

/** Sets all 8 bytes of a slot to one type. */
export function fillSlotTypes(w: Int32Array, r: number, type: number): void {
  w[r + SLOT_TYPES] = w[r + SLOT_TYPES + 1] = type * 0x0101_0101;
}
