/** Bytes of socket buffers (net/core/filter.c). Buffers are always linear here. */
import {
  BPF_F_INVALIDATE_HASH,
  BPF_F_RECOMPUTE_CSUM,
  BPF_HDR_START_MAC,
  BPF_HDR_START_NET,
} from '../../abi/generated/6.12/constants';
import {
  CHECKSUM_COMPLETE,
  SKB_CSUM,
  SKB_DATA,
  SKB_DATA_END,
  SKB_IP_SUMMED,
  SKB_NETWORK_OFFSET,
} from '../layout';
import { csumAdd, csumPartial, csumShift, csumSub } from '../core/checksum';
import { EFAULT, EINVAL, ENOMEM } from '../core/errno';
import { packetRegion, skbData, skbEnd, skbLength } from '../core/packet';
import { skbClearHash } from './skb_meta';

const INT_MAX: u32 = 0x7fffffff;

export function bpf_skb_load_bytes(skb: u64, offset: u64, to: u64, length: u64): u64 {
  const size = <u32>length;
  const at = <u32>offset;
  if (at > INT_MAX || <u64>at + size > skbLength(<u32>skb)) {
    memory.fill(<u32>to, 0, size);
    return EFAULT;
  }
  memory.copy(<u32>to, skbData(<u32>skb) + at, size);
  return 0;
}

export function bpf_skb_load_bytes_relative(
  skb: u64,
  offset: u64,
  to: u64,
  length: u64,
  from: u64,
): u64 {
  const size = <u32>length;
  const header = <u32>from;
  const known = header == BPF_HDR_START_MAC || header == BPF_HDR_START_NET;
  let base = load<u32>(<u32>skb, SKB_DATA);
  if (header == BPF_HDR_START_NET) base += network(<u32>skb);
  const end = <u64>base + <u32>offset + size;
  if (!known || <u32>offset > 0xffff || end > skbEnd(<u32>skb)) {
    memory.fill(<u32>to, 0, size);
    return EFAULT;
  }
  memory.copy(<u32>to, base + <u32>offset, size);
  return 0;
}

/** @inline */
function network(skb: u32): u32 {
  return load<u32>(skb, SKB_NETWORK_OFFSET);
}

export function bpf_skb_store_bytes(
  skb: u64,
  offset: u64,
  from: u64,
  length: u64,
  flags: u64,
): u64 {
  if (flags & ~(<u64>(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))) return EINVAL;
  const size = <u32>length;
  const at = <u32>offset;
  if (at > INT_MAX || <u64>at + size > skbLength(<u32>skb)) return EFAULT;
  const to = skbData(<u32>skb) + at;
  if (flags & BPF_F_RECOMPUTE_CSUM && load<u32>(<u32>skb, SKB_IP_SUMMED) == CHECKSUM_COMPLETE) {
    resum(<u32>skb, csumPartial(to, size, 0), csumPartial(<u32>from, size, 0), at);
  }
  memory.copy(to, <u32>from, size);
  if (flags & BPF_F_INVALIDATE_HASH) skbClearHash(<u32>skb);
  return 0;
}

/** The packet's sum after a block at `offset` changed its own from `before` to `after`. */
function resum(skb: u32, before: u32, after: u32, offset: u32): void {
  const sum = csumSub(load<u32>(skb, SKB_CSUM), csumShift(before, offset));
  store<u32>(skb, csumAdd(sum, csumShift(after, offset)), SKB_CSUM);
}

/** Makes `length` bytes readable and writable directly; all bytes of a linear buffer are. */
export function bpf_skb_pull_data(skb: u64, length: u64): u64 {
  if (<u32>length > skbLength(<u32>skb)) return ENOMEM;
  const data = skbData(<u32>skb);
  const end = data + <u32>length;
  if (end <= load<u32>(<u32>skb, SKB_DATA_END)) return 0;
  store<u32>(<u32>skb, end, SKB_DATA_END);
  packetRegion(data, end);
  return 0;
}
