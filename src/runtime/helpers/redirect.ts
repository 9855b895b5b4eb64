/**
 * Where a packet goes next (net/core/filter.c). The target is left in the CPU block, as in the
 * kernel, and in the running program's context, so that a batch of packets keeps them apart.
 */
import {
  C_CTX,
  C_REDIRECT,
  C_REDIRECT_FLAGS,
  C_REDIRECT_INDEX,
  C_REDIRECT_KIND,
  C_REDIRECT_MAP,
  M_OPS,
  OP_REDIRECT,
  REDIRECT_IFINDEX,
  REDIRECT_NEIGH,
  REDIRECT_PEER,
  SKB_NEIGH,
  SKB_NEIGH_SET,
  SKB_REDIRECT,
  XDP_REDIRECT,
} from '../layout';
import { BPF_F_INGRESS, TC_ACT_REDIRECT, TC_ACT_SHOT } from '../../abi/generated/6.12/constants';
import { cpu_block } from '../core/instance';

const XDP_ACTION_ABORTED: u64 = 0;
const XDP_ACTION_REDIRECT: u64 = 4;
/** BPF_F_NEIGH, BPF_F_PEER and BPF_F_NEXTHOP of net/core/filter.c: not for programs. */
const INTERNAL_FLAGS: u64 = 7 << 16;
const NEIGH_SIZE: i32 = 20;

/** @inline */
function context(): u32 {
  return load<u32>(cpu_block, C_CTX);
}

/** Leaves the target in the CPU block and in the context, `at` bytes from its start. */
function setTarget(at: u32, kind: u32, index: u32, flags: u32): void {
  store<u32>(cpu_block, kind, C_REDIRECT_KIND);
  store<u32>(cpu_block, index, C_REDIRECT_INDEX);
  store<u32>(cpu_block, 0, C_REDIRECT_MAP);
  store<u32>(cpu_block, flags, C_REDIRECT_FLAGS);
  memory.copy(context() + at, cpu_block + C_REDIRECT, 16);
}

export function bpf_xdp_redirect(ifindex: u64, flags: u64): u64 {
  if (flags != 0) return XDP_ACTION_ABORTED;
  setTarget(XDP_REDIRECT, REDIRECT_IFINDEX, <u32>ifindex, 0);
  return XDP_ACTION_REDIRECT;
}

/** The map decides; it leaves the target in the CPU block. */
export function bpf_xdp_redirect_map(map: u64, key: u64, flags: u64): u64 {
  const slot = load<u32>(<u32>map + OP_REDIRECT, M_OPS);
  if (slot == 0) return XDP_ACTION_ABORTED;
  const action = call_indirect<i64>(slot, <u32>map, key, flags);
  if (<u64>action == XDP_ACTION_REDIRECT) {
    memory.copy(context() + XDP_REDIRECT, cpu_block + C_REDIRECT, 16);
  }
  return action;
}

export function bpf_redirect(ifindex: u64, flags: u64): u64 {
  if (flags & (~(<u64>BPF_F_INGRESS) | INTERNAL_FLAGS)) return TC_ACT_SHOT;
  setTarget(SKB_REDIRECT, REDIRECT_IFINDEX, <u32>ifindex, <u32>flags);
  return TC_ACT_REDIRECT;
}

export function bpf_redirect_peer(ifindex: u64, flags: u64): u64 {
  if (flags != 0) return TC_ACT_SHOT;
  setTarget(SKB_REDIRECT, REDIRECT_PEER, <u32>ifindex, 0);
  return TC_ACT_REDIRECT;
}

export function bpf_redirect_neigh(ifindex: u64, params: u64, size: u64, flags: u64): u64 {
  const length = <i32>size;
  // A negative length is a huge one: the kernel compares it as unsigned.
  if ((length != 0 && <u32>length < <u32>NEIGH_SIZE) || flags != 0) return TC_ACT_SHOT;
  setTarget(SKB_REDIRECT, REDIRECT_NEIGH, <u32>ifindex, 0);
  const skb = context();
  store<u32>(skb, length != 0, SKB_NEIGH_SET);
  if (length != 0) memory.copy(skb + SKB_NEIGH, <u32>params, NEIGH_SIZE);
  return TC_ACT_REDIRECT;
}
