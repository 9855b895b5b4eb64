/** Checksums of socket buffers (net/core/filter.c, net/core/utils.c). */
import {
  BPF_CSUM_LEVEL_DEC,
  BPF_CSUM_LEVEL_INC,
  BPF_CSUM_LEVEL_QUERY,
  BPF_CSUM_LEVEL_RESET,
  BPF_F_HDR_FIELD_MASK,
  BPF_F_IPV6,
  BPF_F_MARK_ENFORCE,
  BPF_F_MARK_MANGLED_0,
  BPF_F_PSEUDO_HDR,
} from '../../abi/generated/6.12/constants';
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SKB_CSUM,
  SKB_CSUM_LEVEL,
  SKB_IP_SUMMED,
} from '../layout';
import {
  csumAdd,
  csumFold,
  csumReplace2,
  csumReplace4,
  csumReplaceByDiff,
  csumSub,
} from '../core/checksum';
import { EACCES, EFAULT, EINVAL, ENOTSUPP } from '../core/errno';
import { skbData, skbLength } from '../core/packet';

const CSUM_MANGLED_0: u16 = 0xffff;
const MAX_CSUM_LEVEL: u32 = 3;
const L4_FLAGS: u64 =
  BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR | BPF_F_HDR_FIELD_MASK | BPF_F_IPV6;

/** @inline */
function summed(skb: u32): u32 {
  return load<u32>(skb, SKB_IP_SUMMED);
}

/** Whether a 16-bit checksum field at `offset` is aligned and inside the packet. */
function fieldOk(skb: u32, offset: u32): bool {
  return offset <= 0xffff && (offset & 1) == 0 && offset + 2 <= skbLength(skb);
}

export function bpf_l3_csum_replace(skb: u64, offset: u64, from: u64, to: u64, flags: u64): u64 {
  if (flags & ~(<u64>BPF_F_HDR_FIELD_MASK)) return EINVAL;
  if (!fieldOk(<u32>skb, <u32>offset)) return EFAULT;
  const at = skbData(<u32>skb) + <u32>offset;
  switch (<u32>flags) {
    case 0:
      if (from != 0) return EINVAL;
      csumReplaceByDiff(at, <u32>to);
      return 0;
    case 2:
      csumReplace2(at, <u16>from, <u16>to);
      return 0;
    case 4:
      csumReplace4(at, <u32>from, <u32>to);
      return 0;
    default:
      return EINVAL;
  }
}

/** A field of the pseudo header changed from `from` to `to`: the header's sum and the packet's. */
function replace4(skb: u32, at: u32, from: u32, to: u32, pseudo: bool): void {
  if (summed(skb) != CHECKSUM_PARTIAL) {
    csumReplace4(at, from, to);
    if (summed(skb) == CHECKSUM_COMPLETE && pseudo) {
      const sum = csumSub(~load<u32>(skb, SKB_CSUM), from);
      store<u32>(skb, ~csumAdd(sum, to), SKB_CSUM);
    }
  } else if (pseudo) {
    const sum = csumSub(<u32>load<u16>(at), from);
    store<u16>(at, ~csumFold(csumAdd(sum, to)));
  }
}

function replaceByDiff(skb: u32, at: u32, diff: u32, pseudo: bool, ipv6: bool): void {
  if (summed(skb) != CHECKSUM_PARTIAL) {
    csumReplaceByDiff(at, diff);
    if (summed(skb) == CHECKSUM_COMPLETE && pseudo && !ipv6) {
      store<u32>(skb, ~csumSub(diff, load<u32>(skb, SKB_CSUM)), SKB_CSUM);
    }
  } else if (pseudo) {
    store<u16>(at, ~csumFold(csumAdd(diff, <u32>load<u16>(at))));
  }
}

export function bpf_l4_csum_replace(skb: u64, offset: u64, from: u64, to: u64, flags: u64): u64 {
  if (flags & ~L4_FLAGS) return EINVAL;
  if (!fieldOk(<u32>skb, <u32>offset)) return EFAULT;
  const at = skbData(<u32>skb) + <u32>offset;
  const mangled = (flags & BPF_F_MARK_MANGLED_0) != 0;
  // A UDP checksum of 0 means "none" and stays so.
  if (mangled && !(flags & BPF_F_MARK_ENFORCE) && load<u16>(at) == 0) return 0;
  const pseudo = (flags & BPF_F_PSEUDO_HDR) != 0;
  const size = <u32>flags & BPF_F_HDR_FIELD_MASK;
  if (size == 0) {
    if (from != 0) return EINVAL;
    replaceByDiff(<u32>skb, at, <u32>to, pseudo, (flags & BPF_F_IPV6) != 0);
  } else if (size == 2) {
    replace4(<u32>skb, at, <u32>from & 0xffff, <u32>to & 0xffff, pseudo);
  } else if (size == 4) {
    replace4(<u32>skb, at, <u32>from, <u32>to, pseudo);
  } else {
    return EINVAL;
  }
  if (mangled && load<u16>(at) == 0) store<u16>(at, CSUM_MANGLED_0);
  return 0;
}

export function bpf_csum_update(skb: u64, csum: u64): u64 {
  if (summed(<u32>skb) != CHECKSUM_COMPLETE) return ENOTSUPP;
  const sum = csumAdd(load<u32>(<u32>skb, SKB_CSUM), <u32>csum);
  store<u32>(<u32>skb, sum, SKB_CSUM);
  return sum;
}

export function bpf_csum_level(skb: u64, level: u64): u64 {
  const at = <u32>skb;
  if (level == BPF_CSUM_LEVEL_QUERY) {
    return summed(at) == CHECKSUM_UNNECESSARY ? load<u32>(at, SKB_CSUM_LEVEL) : EACCES;
  }
  if (level == BPF_CSUM_LEVEL_INC) raiseLevel(at);
  else if (level == BPF_CSUM_LEVEL_DEC) lowerLevel(at);
  else if (level == BPF_CSUM_LEVEL_RESET) skbForgetChecksum(at);
  else return EINVAL;
  return 0;
}

function raiseLevel(skb: u32): void {
  const level = load<u32>(skb, SKB_CSUM_LEVEL);
  if (summed(skb) == CHECKSUM_UNNECESSARY) {
    if (level < MAX_CSUM_LEVEL) store<u32>(skb, level + 1, SKB_CSUM_LEVEL);
  } else if (summed(skb) == CHECKSUM_NONE) {
    store<u32>(skb, CHECKSUM_UNNECESSARY, SKB_IP_SUMMED);
    store<u32>(skb, 0, SKB_CSUM_LEVEL);
  }
}

function lowerLevel(skb: u32): void {
  if (summed(skb) != CHECKSUM_UNNECESSARY) return;
  const level = load<u32>(skb, SKB_CSUM_LEVEL);
  if (level == 0) store<u32>(skb, CHECKSUM_NONE, SKB_IP_SUMMED);
  else store<u32>(skb, level - 1, SKB_CSUM_LEVEL);
}

/** Nobody vouches for the packet's checksums any more. */
export function skbForgetChecksum(skb: u32): void {
  if (summed(skb) != CHECKSUM_UNNECESSARY) return;
  store<u32>(skb, CHECKSUM_NONE, SKB_IP_SUMMED);
  store<u32>(skb, 0, SKB_CSUM_LEVEL);
}
