/** Dynptrs over packets, slices and views of them (kernel/bpf/helpers.c, net/core/filter.c). */
import {
  C_CTX,
  DYNPTR_MAX_SIZE,
  DYNPTR_OFFSET,
  DYNPTR_READ_ONLY,
  DYNPTR_SIZE,
  DYNPTR_SKB,
  DYNPTR_XDP,
  NF_PACKET,
  REGION_CTX,
  SKB_DATA,
  SKB_LEN,
  XDP_DATA,
  XDP_DATA_END,
  XDP_FRAG_SIZE,
  XDP_FRAGS,
  XDP_FRAGS_LENGTH,
} from '../layout';
import { EINVAL, ERANGE } from '../core/errno';
import { cpu_block } from '../core/instance';
import { tagged } from '../core/regions';
import {
  at,
  dataOf,
  dynptrClear,
  dynptrSet,
  dynptrType,
  isReadOnly,
  ofThisRun,
  rangeError,
} from '../helpers/dynptr';
import { bpf_xdp_load_bytes } from '../helpers/xdp';

export function bpf_dynptr_from_skb(skb: u64, flags: u64, pointer: u64): u64 {
  const to = <u32>pointer;
  dynptrClear(to);
  if (flags != 0) return EINVAL;
  dynptrSet(to, skb, load<u32>(<u32>skb, SKB_LEN), DYNPTR_SKB);
  return 0;
}

/** What bpf_dynptr_from_skb is for programs that may not write the packet. */
export function bpf_dynptr_from_skb_rdonly(skb: u64, flags: u64, pointer: u64): u64 {
  const result = bpf_dynptr_from_skb(skb, flags, pointer);
  const to = <u32>pointer;
  if (result == 0) store<u32>(to, load<u32>(to, DYNPTR_SIZE) | DYNPTR_READ_ONLY, DYNPTR_SIZE);
  return result;
}

/** The same for programs that have a pointer to the kernel's struct: a run has one packet. */
export function bpf_dynptr_from_kernel_skb(_skb: u64, flags: u64, pointer: u64): u64 {
  const packet = load<u32>(cpu_block, C_CTX) + NF_PACKET;
  return bpf_dynptr_from_skb_rdonly(tagged(REGION_CTX, packet), flags, pointer);
}

export function bpf_dynptr_from_xdp(xdp: u64, flags: u64, pointer: u64): u64 {
  const to = <u32>pointer;
  dynptrClear(to);
  if (flags != 0) return EINVAL;
  const linear = load<u32>(<u32>xdp, XDP_DATA_END) - load<u32>(<u32>xdp, XDP_DATA);
  dynptrSet(to, xdp, linear + load<u32>(<u32>xdp, XDP_FRAGS_LENGTH), DYNPTR_XDP);
  return 0;
}

export function bpf_dynptr_size(pointer: u64): u64 {
  const from = <u32>pointer;
  return dataOf(from) == 0 ? EINVAL : load<u32>(from, DYNPTR_SIZE) & DYNPTR_MAX_SIZE;
}

export function bpf_dynptr_is_null(pointer: u64): u64 {
  return dataOf(<u32>pointer) == 0 ? 1 : 0;
}

export function bpf_dynptr_is_rdonly(pointer: u64): u64 {
  return dataOf(<u32>pointer) != 0 && isReadOnly(<u32>pointer) ? 1 : 0;
}

export function bpf_dynptr_clone(pointer: u64, clone: u64): u64 {
  const from = <u32>pointer;
  dynptrClear(<u32>clone);
  if (dataOf(from) == 0) return EINVAL;
  memory.copy(<u32>clone, from, 16);
  return 0;
}

/** The view becomes start .. end of itself. */
export function bpf_dynptr_adjust(pointer: u64, start: u64, end: u64): u64 {
  const to = <u32>pointer;
  if (dataOf(to) == 0 || <u32>start > <u32>end) return EINVAL;
  const word = load<u32>(to, DYNPTR_SIZE);
  if (<u32>end > (word & DYNPTR_MAX_SIZE)) return ERANGE;
  store<u32>(to, load<u32>(to, DYNPTR_OFFSET) + <u32>start, DYNPTR_OFFSET);
  store<u32>(to, (word & ~DYNPTR_MAX_SIZE) | (<u32>end - <u32>start), DYNPTR_SIZE);
  return 0;
}

/** A pointer to `size` bytes at `offset`: in place, or a copy in `buffer` if they lie apart. */
export function bpf_dynptr_slice(pointer: u64, offset: u64, buffer: u64, size: u64): u64 {
  const from = <u32>pointer;
  if (dataOf(from) == 0 || rangeError(from, <u32>offset, <u32>size) != 0) return 0;
  const type = dynptrType(from);
  if (type < <u32>DYNPTR_SKB) return at(from, <u32>offset);
  if (!ofThisRun(from)) return 0;
  const start = load<u32>(from, DYNPTR_OFFSET) + <u32>offset;
  const context = <u32>dataOf(from);
  if (type == <u32>DYNPTR_SKB) {
    return inPlace(load<u32>(context, SKB_DATA), load<u32>(context, SKB_LEN), start, <u32>size);
  }
  const data = load<u32>(context, XDP_DATA);
  const linear = load<u32>(context, XDP_DATA_END) - data;
  const found =
    start < linear || size == 0
      ? inPlace(data, linear, start, <u32>size)
      : inFragment(context, start - linear, <u32>size);
  if (found != 0 || buffer == 0) return found;
  return bpf_xdp_load_bytes(dataOf(from), start, buffer, size) == 0 ? buffer : 0;
}

/** Pointer into the packet, or 0 when it ends before. */
function inPlace(data: u32, length: u32, start: u32, size: u32): u64 {
  return size > length || start > length - size ? 0 : <u64>(data + start);
}

/** Pointer into the fragments, whose length `start` is below; 0 when it would lie in two. */
function inFragment(context: u32, start: u32, size: u32): u64 {
  const room = load<u32>(context, XDP_FRAG_SIZE);
  if (room == 0 || (start % room) + size > room) return 0;
  return <u64>(load<u32>(context, XDP_FRAGS) + start);
}

export function bpf_dynptr_slice_rdwr(pointer: u64, offset: u64, buffer: u64, size: u64): u64 {
  return isReadOnly(<u32>pointer) ? 0 : bpf_dynptr_slice(pointer, offset, buffer, size);
}
