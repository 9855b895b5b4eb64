/** Where data of a socket goes next: another socket of a map (net/core/sock_map.c, filter.c). */
import {
  M_MAX_ENTRIES,
  M_VALUES,
  MSG_APPLY,
  MSG_CORK,
  MSG_REDIRECT,
  MSG_REDIRECT_FLAGS,
  REDIRECT_SOCKET,
  SKB_DATA,
  SKB_REDIRECT,
  SOCK_OPS_SK,
} from '../layout';
import {
  BPF_F_ADJ_ROOM_FIXED_GSO,
  BPF_F_ADJ_ROOM_NO_CSUM_RESET,
  BPF_F_INGRESS,
} from '../../abi/generated/6.12/constants';
import { EFAULT, EINVAL, ENOMEM, EOPNOTSUPP } from '../core/errno';
import { skbEnd, skbLength, skbRoom, skbSet } from '../core/packet';
import { isTcp, redirectTarget, socketNumber } from '../core/socket-map';
import { sockhashPut, sockhash_number } from '../maps/sockhash';
import { sockmapPut } from '../maps/sockmap';

const SK_DROP: u64 = 0;
const SK_PASS: u64 = 1;
const MOST: u32 = 0xfff;
/** Of enum bpf_sock_ops: when a socket may go into a map (sock_map_op_okay). */
const ACTIVE_ESTABLISHED: u32 = 4;
const PASSIVE_ESTABLISHED: u32 = 5;
const TCP_LISTEN: u32 = 11;

/** The number in a sockmap at an index. */
function atIndex(map: u64, key: u64): u32 {
  const index = <u32>key;
  if (index >= load<u32>(<u32>map, M_MAX_ENTRIES)) return 0;
  return load<u32>(load<u32>(<u32>map, M_VALUES) + (index << 3));
}

function redirectSkb(skb: u32, number: u32, map: u32, flags: u64): u64 {
  if (flags & ~(<u64>BPF_F_INGRESS) || redirectTarget(number) == 0) return SK_DROP;
  store<u32>(skb, REDIRECT_SOCKET, SKB_REDIRECT);
  store<u32>(skb, number, SKB_REDIRECT + 4);
  store<u32>(skb, map, SKB_REDIRECT + 8);
  store<u32>(skb, <u32>flags, SKB_REDIRECT + 12);
  return SK_PASS;
}

export function bpf_sk_redirect_map(skb: u64, map: u64, key: u64, flags: u64): u64 {
  return redirectSkb(<u32>skb, atIndex(map, key), <u32>map, flags);
}

export function bpf_sk_redirect_hash(skb: u64, map: u64, key: u64, flags: u64): u64 {
  return redirectSkb(<u32>skb, sockhash_number(<u32>map, <u32>key), <u32>map, flags);
}

/** Only to TCP can something be sent on; anybody can get it as if it had come. */
function redirectMessage(msg: u32, number: u32, flags: u64): u64 {
  if (flags & ~(<u64>BPF_F_INGRESS)) return SK_DROP;
  const record = redirectTarget(number);
  if (record == 0 || (!(flags & BPF_F_INGRESS) && !isTcp(record))) return SK_DROP;
  store<u32>(msg, number, MSG_REDIRECT);
  store<u32>(msg, <u32>flags, MSG_REDIRECT_FLAGS);
  return SK_PASS;
}

export function bpf_msg_redirect_map(msg: u64, map: u64, key: u64, flags: u64): u64 {
  return redirectMessage(<u32>msg, atIndex(map, key), flags);
}

export function bpf_msg_redirect_hash(msg: u64, map: u64, key: u64, flags: u64): u64 {
  return redirectMessage(<u32>msg, sockhash_number(<u32>map, <u32>key), flags);
}

export function bpf_msg_apply_bytes(msg: u64, bytes: u64): u64 {
  store<u32>(<u32>msg, <u32>bytes, MSG_APPLY);
  return 0;
}

export function bpf_msg_cork_bytes(msg: u64, bytes: u64): u64 {
  store<u32>(<u32>msg, <u32>bytes, MSG_CORK);
  return 0;
}

/** Data of a stream has no headers: room is made, or taken, at its front. */
export function sk_skb_adjust_room(skb: u64, difference: u64, mode: u64, flags: u64): u64 {
  const known: u64 = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;
  if (flags & ~known) return EINVAL;
  const change = <i32>difference;
  const size = <u32>abs(change);
  if (size > MOST) return EFAULT;
  const at = <u32>skb;
  if (change < 0) {
    if (size > skbLength(at)) return ENOMEM;
    skbSet(at, load<u32>(at, SKB_DATA) + size, skbEnd(at));
    return 0;
  }
  if (!skbRoom(at, size, 0)) return ENOMEM;
  const data = load<u32>(at, SKB_DATA) - size;
  memory.fill(data, 0, size);
  skbSet(at, data, skbEnd(at));
  return 0;
}

/** The number of the socket an event of TCP is about, or a negative errno. */
function socketOf(ops: u32): i64 {
  const op = load<u32>(ops);
  const fits = op == ACTIVE_ESTABLISHED || op == PASSIVE_ESTABLISHED || op == TCP_LISTEN;
  return fits ? socketNumber(load<u32>(ops, SOCK_OPS_SK)) : EOPNOTSUPP;
}

export function bpf_sock_map_update(ops: u64, map: u64, key: u64, flags: u64): u64 {
  const number = socketOf(<u32>ops);
  return number < 0 ? number : sockmapPut(<u32>map, <u32>key, <u32>number, flags);
}

export function bpf_sock_hash_update(ops: u64, map: u64, key: u64, flags: u64): u64 {
  const number = socketOf(<u32>ops);
  return number < 0 ? number : sockhashPut(<u32>map, <u32>key, <u32>number, flags);
}
