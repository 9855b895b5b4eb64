/** XDP frames (net/core/filter.c). A frame is linear, or has one block of fragments behind it. */
import {
  STRUCT_CONTEXT,
  XDP_DATA,
  XDP_DATA_END,
  XDP_DATA_META,
  XDP_FRAG_SIZE,
  XDP_FRAGS,
  XDP_FRAGS_LENGTH,
  XDP_HARD_END,
  XDP_HARD_START,
} from '../layout';
import { EACCES, EFAULT, EINVAL, ENOTSUPP, EOPNOTSUPP } from '../core/errno';
import { ETH_HLEN, packetRegion } from '../core/packet';

/** struct xdp_frame lies at the start of the headroom. */
const XDP_FRAME_SIZE: u32 = 40;
/** meta_len is a byte of skb_shared_info. */
const META_MAX: u32 = 255;
const MAX_OFFSET: u32 = 0xffff;

/** @inline */
function dataOf(xdp: u32): u32 {
  return load<u32>(xdp, XDP_DATA);
}

/** @inline */
function endOf(xdp: u32): u32 {
  return load<u32>(xdp, XDP_DATA_END);
}

/** @inline */
function metaOf(xdp: u32): u32 {
  return load<u32>(xdp, XDP_DATA_META);
}

/** Drivers without metadata set data_meta to data + 1. @inline */
function metaUnsupported(xdp: u32): bool {
  return metaOf(xdp) > dataOf(xdp);
}

/** Stores the new bounds; checked code sees them through region 0. */
function moved(xdp: u32, meta: u32, data: u32, end: u32): void {
  store<u32>(xdp, data, XDP_DATA);
  store<u32>(xdp, end, XDP_DATA_END);
  store<u32>(xdp, meta, XDP_DATA_META);
  packetRegion(min<u32>(meta, data), end);
}

/** Bytes of the frame, fragments included. */
function frameLength(xdp: u32): u32 {
  return endOf(xdp) - dataOf(xdp) + load<u32>(xdp, XDP_FRAGS_LENGTH);
}

export function bpf_xdp_get_buff_len(ctx: u64): u64 {
  return frameLength(<u32>ctx);
}

/** The context that a struct xdp_buff or sk_buff stands for; 0 of NULL. */
export function contextOf(struct: u64): u64 {
  return <u32>struct == 0 ? 0 : <u64>load<u32>(<u32>struct - STRUCT_CONTEXT);
}

export function bpf_xdp_get_buff_len_kernel(xdp: u64): u64 {
  return frameLength(<u32>contextOf(xdp));
}

export function bpf_xdp_adjust_head(ctx: u64, offset: u64): u64 {
  const xdp = <u32>ctx;
  const by = <i32>offset;
  const meta = metaOf(xdp);
  const length = metaUnsupported(xdp) ? 0 : dataOf(xdp) - meta;
  const data = <i64>dataOf(xdp) + by;
  const first = <i64>load<u32>(xdp, XDP_HARD_START) + XDP_FRAME_SIZE + length;
  if (data < first || data > <i64>endOf(xdp) - ETH_HLEN) return EINVAL;
  if (length != 0) memory.copy(meta + by, meta, length);
  moved(xdp, meta + by, <u32>data, endOf(xdp));
  return 0;
}

export function bpf_xdp_adjust_meta(ctx: u64, offset: u64): u64 {
  const xdp = <u32>ctx;
  if (metaUnsupported(xdp)) return ENOTSUPP;
  const meta = <i64>metaOf(xdp) + <i32>offset;
  const first = <i64>load<u32>(xdp, XDP_HARD_START) + XDP_FRAME_SIZE;
  if (meta < first || meta > <i64>dataOf(xdp)) return EINVAL;
  const length = dataOf(xdp) - <u32>meta;
  if (length & 3 || length > META_MAX) return EACCES;
  moved(xdp, <u32>meta, dataOf(xdp), endOf(xdp));
  return 0;
}

export function bpf_xdp_adjust_tail(ctx: u64, offset: u64): u64 {
  const xdp = <u32>ctx;
  const by = <i32>offset;
  if (load<u32>(xdp, XDP_FRAGS_LENGTH) != 0) {
    return by < 0 ? shrinkFragments(xdp, -by) : growFragment(xdp, <u32>by);
  }
  const end = <i64>endOf(xdp) + by;
  if (end > <i64>load<u32>(xdp, XDP_HARD_END)) return EINVAL;
  if (end < <i64>dataOf(xdp) + ETH_HLEN) return EINVAL;
  if (by > 0) memory.fill(endOf(xdp), 0, by);
  moved(xdp, metaOf(xdp), dataOf(xdp), <u32>end);
  return 0;
}

/** The last fragment grows into its page, where the driver says how large that is. */
function growFragment(xdp: u32, by: u32): i64 {
  const size = load<u32>(xdp, XDP_FRAG_SIZE);
  if (size == 0) return EOPNOTSUPP;
  const length = load<u32>(xdp, XDP_FRAGS_LENGTH);
  if (by > size - 1 - ((length - 1) % size)) return EINVAL;
  memory.fill(load<u32>(xdp, XDP_FRAGS) + length, 0, by);
  store<u32>(xdp, length + by, XDP_FRAGS_LENGTH);
  return 0;
}

/** Takes bytes from the fragments first, then from the linear part. */
function shrinkFragments(xdp: u32, by: i32): i64 {
  if (<i64>by > <i64>frameLength(xdp) - ETH_HLEN) return EINVAL;
  const length = load<u32>(xdp, XDP_FRAGS_LENGTH);
  const taken = min<u32>(<u32>by, length);
  store<u32>(xdp, length - taken, XDP_FRAGS_LENGTH);
  if (taken == length) moved(xdp, metaOf(xdp), dataOf(xdp), endOf(xdp) - (<u32>by - taken));
  return 0;
}

/** Errno for an access of `length` bytes at `offset` of the frame, or 0. */
function accessError(xdp: u32, offset: u32, length: u32): i64 {
  if (offset > MAX_OFFSET || length > MAX_OFFSET) return EFAULT;
  return offset + length > frameLength(xdp) ? EINVAL : 0;
}

/** Address of byte `offset`, which is in the linear part or in the fragments. @inline */
function addressOf(xdp: u32, offset: u32): u32 {
  const linear = endOf(xdp) - dataOf(xdp);
  return offset < linear ? dataOf(xdp) + offset : load<u32>(xdp, XDP_FRAGS) + offset - linear;
}

/** How many of `length` bytes at `offset` lie in the part where the first one does. */
function inFirstPart(xdp: u32, offset: u32, length: u32): u32 {
  const linear = endOf(xdp) - dataOf(xdp);
  return offset < linear ? min<u32>(length, linear - offset) : length;
}

export function bpf_xdp_load_bytes(ctx: u64, offset: u64, buffer: u64, length: u64): u64 {
  const xdp = <u32>ctx;
  const error = accessError(xdp, <u32>offset, <u32>length);
  if (error != 0) return error;
  xdpCopyOut(xdp, <u32>offset, <u32>buffer, <u32>length);
  return 0;
}

/** Copies frame bytes that are known to be there. */
export function xdpCopyOut(xdp: u32, offset: u32, to: u32, length: u32): void {
  const first = inFirstPart(xdp, offset, length);
  memory.copy(to, addressOf(xdp, offset), first);
  if (first < length) memory.copy(to + first, load<u32>(xdp, XDP_FRAGS), length - first);
}

export function bpf_xdp_store_bytes(ctx: u64, offset: u64, buffer: u64, length: u64): u64 {
  const xdp = <u32>ctx;
  const error = accessError(xdp, <u32>offset, <u32>length);
  if (error != 0) return error;
  const first = inFirstPart(xdp, <u32>offset, <u32>length);
  memory.copy(addressOf(xdp, <u32>offset), <u32>buffer, first);
  const rest = <u32>length - first;
  if (rest != 0) memory.copy(load<u32>(xdp, XDP_FRAGS), <u32>buffer + first, rest);
  return 0;
}
