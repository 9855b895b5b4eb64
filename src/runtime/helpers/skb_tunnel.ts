/** Tunnel metadata of socket buffers (net/core/filter.c, include/net/ip_tunnels.h). */
import {
  BPF_F_DONT_FRAGMENT,
  BPF_F_NO_TUNNEL_KEY,
  BPF_F_SEQ_NUMBER,
  BPF_F_TUNINFO_FLAGS,
  BPF_F_TUNINFO_IPV6,
  BPF_F_ZERO_CSUM_TX,
} from '../../abi/generated/6.12/constants';
import {
  C_TUNNEL,
  SKB_TUNNEL,
  TUNNEL_DESTINATION,
  TUNNEL_FLAGS,
  TUNNEL_ID,
  TUNNEL_IPV6,
  TUNNEL_LABEL,
  TUNNEL_MODE,
  TUNNEL_OPTIONS,
  TUNNEL_OPTIONS_LENGTH,
  TUNNEL_OPTIONS_MAX,
  TUNNEL_SIZE,
  TUNNEL_SOURCE,
  TUNNEL_TOS,
  TUNNEL_TTL,
  TUNNEL_TX,
} from '../layout';
import { EINVAL, ENOENT, ENOMEM, EPROTO } from '../core/errno';
import { cpu_block } from '../core/instance';

// struct bpf_tunnel_key.
const KEY_ID: u32 = 0;
const KEY_REMOTE: u32 = 4;
const KEY_TOS: u32 = 20;
const KEY_TTL: u32 = 21;
const KEY_EXT: u32 = 22;
const KEY_LABEL: u32 = 24;
const KEY_LOCAL: u32 = 28;
const KEY_SIZE: u32 = 44;
/** Sizes of the struct in older kernels: it grew at these places. */
const KEY_FIRST: u32 = 8;
const KEY_LOCAL_ADDED: u32 = 28;

const FLOW_LABEL_MASK: u32 = 0xfffff;
/** TUNNEL_* bits of include/uapi/linux/if_tunnel.h, in host order. */
const BIT_CSUM: u32 = 0x01;
const BIT_KEY: u32 = 0x04;
const BIT_SEQ: u32 = 0x08;
const BIT_DONT_FRAGMENT: u32 = 0x0100;
const BIT_NOCACHE: u32 = 0x2000;
/** GENEVE, VXLAN, ERSPAN and GTP options. */
const OPTION_BITS: u32 = 0x0800 | 0x1000 | 0x4000 | 0x8000;

function knownSize(size: u32): bool {
  return size == KEY_SIZE || size == KEY_LOCAL_ADDED || size == KEY_LABEL || size == KEY_EXT;
}

/** Reads an address field: IPv4 in host order, IPv6 as it is. */
function copyAddress(to: u32, from: u32, ipv6: bool): void {
  if (ipv6) {
    memory.copy(to, from, 16);
    return;
  }
  memory.fill(to, 0, 16);
  store<u32>(to, bswap<u32>(load<u32>(from)));
}

export function bpf_skb_get_tunnel_key(skb: u64, key: u64, size: u64, flags: u64): u64 {
  const info = load<u32>(<u32>skb, SKB_TUNNEL);
  const error = keyError(info, <u32>size, flags);
  if (error != 0) {
    memory.fill(<u32>key, 0, <u32>size);
    return error;
  }
  const whole = cpu_block + C_TUNNEL + TUNNEL_SIZE;
  fillKey(whole, info, flags);
  memory.copy(<u32>key, whole, <u32>size);
  return 0;
}

function keyError(info: u32, size: u32, flags: u64): i64 {
  if (info == 0 || flags & ~(<u64>(BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS))) return EINVAL;
  const ipv6 = (load<u32>(info, TUNNEL_MODE) & TUNNEL_IPV6) != 0;
  if (ipv6 != ((flags & BPF_F_TUNINFO_IPV6) != 0)) return EPROTO;
  if (knownSize(size)) return 0;
  return size == KEY_FIRST && !ipv6 ? 0 : EINVAL;
}

function fillKey(key: u32, info: u32, flags: u64): void {
  const ipv6 = (flags & BPF_F_TUNINFO_IPV6) != 0;
  store<u32>(key, load<u32>(info, TUNNEL_ID), KEY_ID);
  store<u8>(key, load<u8>(info, TUNNEL_TOS), KEY_TOS);
  store<u8>(key, load<u8>(info, TUNNEL_TTL), KEY_TTL);
  const bits = flags & BPF_F_TUNINFO_FLAGS ? <u16>load<u32>(info, TUNNEL_FLAGS) : 0;
  store<u16>(key, bswap<u16>(bits), KEY_EXT);
  copyAddress(key + KEY_REMOTE, info + TUNNEL_SOURCE, ipv6);
  copyAddress(key + KEY_LOCAL, info + TUNNEL_DESTINATION, ipv6);
  store<u32>(key, ipv6 ? load<u32>(info, TUNNEL_LABEL) : 0, KEY_LABEL);
}

export function bpf_skb_set_tunnel_key(skb: u64, key: u64, size: u64, flags: u64): u64 {
  const known: u64 =
    BPF_F_TUNINFO_IPV6 |
    BPF_F_ZERO_CSUM_TX |
    BPF_F_DONT_FRAGMENT |
    BPF_F_SEQ_NUMBER |
    BPF_F_NO_TUNNEL_KEY;
  if (flags & ~known || !(knownSize(<u32>size) || <u32>size == KEY_FIRST)) return EINVAL;
  const from = cpu_block + C_TUNNEL + TUNNEL_SIZE;
  memory.fill(from, 0, KEY_SIZE);
  memory.copy(from, <u32>key, <u32>size);
  const ipv6 = (flags & BPF_F_TUNINFO_IPV6) != 0;
  if ((!ipv6 && load<u32>(from, KEY_LABEL) != 0) || load<u16>(from, KEY_EXT) != 0) return EINVAL;
  const info = cpu_block + C_TUNNEL;
  memory.fill(info, 0, TUNNEL_SIZE);
  store<u32>(info, TUNNEL_TX | (ipv6 ? TUNNEL_IPV6 : 0), TUNNEL_MODE);
  store<u32>(info, sendFlags(flags), TUNNEL_FLAGS);
  store<u32>(info, load<u32>(from, KEY_ID), TUNNEL_ID);
  store<u8>(info, load<u8>(from, KEY_TOS), TUNNEL_TOS);
  store<u8>(info, load<u8>(from, KEY_TTL), TUNNEL_TTL);
  copyAddress(info + TUNNEL_DESTINATION, from + KEY_REMOTE, ipv6);
  copyAddress(info + TUNNEL_SOURCE, from + KEY_LOCAL, ipv6);
  store<u32>(info, ipv6 ? load<u32>(from, KEY_LABEL) & FLOW_LABEL_MASK : 0, TUNNEL_LABEL);
  store<u32>(<u32>skb, info, SKB_TUNNEL);
  return 0;
}

function sendFlags(flags: u64): u32 {
  let bits = BIT_NOCACHE;
  if (flags & BPF_F_DONT_FRAGMENT) bits |= BIT_DONT_FRAGMENT;
  if (!(flags & BPF_F_ZERO_CSUM_TX)) bits |= BIT_CSUM;
  if (flags & BPF_F_SEQ_NUMBER) bits |= BIT_SEQ;
  if (!(flags & BPF_F_NO_TUNNEL_KEY)) bits |= BIT_KEY;
  return bits;
}

export function bpf_skb_get_tunnel_opt(skb: u64, to: u64, size: u64): u64 {
  const info = load<u32>(<u32>skb, SKB_TUNNEL);
  memory.fill(<u32>to, 0, <u32>size);
  if (info == 0 || !(load<u32>(info, TUNNEL_FLAGS) & OPTION_BITS)) return ENOENT;
  const length = load<u32>(info, TUNNEL_OPTIONS_LENGTH);
  if (<u32>size < length) return ENOMEM;
  memory.copy(<u32>to, info + TUNNEL_OPTIONS, length);
  return length;
}

/** Only for a packet whose key this CPU has just set. */
export function bpf_skb_set_tunnel_opt(skb: u64, from: u64, size: u64): u64 {
  const info = load<u32>(<u32>skb, SKB_TUNNEL);
  const length = <u32>size;
  if (info != cpu_block + C_TUNNEL || length & 3) return EINVAL;
  if (length > <u32>TUNNEL_OPTIONS_MAX) return ENOMEM;
  memory.copy(info + TUNNEL_OPTIONS, <u32>from, length);
  store<u32>(info, length, TUNNEL_OPTIONS_LENGTH);
  store<u32>(info, load<u32>(info, TUNNEL_FLAGS) | OPTION_BITS, TUNNEL_FLAGS);
  return 0;
}
