/**
 * SYN cookies without a socket (net/ipv4/syncookies.c, net/ipv6/syncookies.c): a sequence number
 * that proves, when it comes back, that its receiver got our answer. The secrets come from the
 * machine's seed.
 */
import { C_SCRATCH, GLOBALS, G_SEED } from '../layout';
import { EACCES, EINVAL } from '../core/errno';
import { cpu_block } from '../core/instance';
import { siphash } from '../core/siphash';
import { bpf_jiffies64 } from './system';

// struct tcphdr.
const TCP_SOURCE: u32 = 0;
const TCP_DESTINATION: u32 = 2;
const TCP_SEQUENCE: u32 = 4;
const TCP_ACK: u32 = 8;
const TCP_OFFSET: u32 = 12;
const TCP_HEADER: u32 = 20;
const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_MSS: u8 = 2;

const IPV4_SOURCE: u32 = 12;
const IPV6_SOURCE: u32 = 8;
const IPV4_DEFAULT_MSS: u32 = 536;
const IPV6_DEFAULT_MSS: u32 = 1220;

/** A cookie's upper 8 bits count minutes; it is good for two. */
const COUNT_SHIFT: u32 = 24;
const COOKIE_MASK: u32 = 0xffffff;
const MAX_AGE: u32 = 2;
const JIFFIES_PER_MINUTE: u64 = 60 * 250;

function minutes(): u32 {
  return <u32>(bpf_jiffies64() / JIFFIES_PER_MINUTE);
}

/** Word `i` of the secret keys. */
function secret(i: u32): u64 {
  let z = load<u64>(GLOBALS, G_SEED) + (<u64>i + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/** Hash number `which` over addresses, ports and `count`. */
function cookieHash(ip: u32, ipv6: bool, tcp: u32, count: u32, which: u32): u32 {
  const message = cpu_block + C_SCRATCH;
  const source = load<u16>(tcp, TCP_SOURCE);
  const destination = load<u16>(tcp, TCP_DESTINATION);
  const key = (ipv6 ? 4 : 0) + (which << 1);
  if (ipv6) {
    memory.copy(message, ip + IPV6_SOURCE, 32);
    store<u32>(message, count, 32);
    store<u16>(message, source, 36);
    store<u16>(message, destination, 38);
    return <u32>siphash(message, 5, secret(key), secret(key + 1));
  }
  store<u64>(message, load<u64>(ip, IPV4_SOURCE));
  store<u32>(message, ((<u32>source) << 16) | destination, 8);
  store<u32>(message, count, 12);
  return <u32>siphash(message, 2, secret(key), secret(key + 1));
}

function makeCookie(ip: u32, ipv6: bool, tcp: u32, index: u32): u32 {
  const count = minutes();
  const sequence = bswap<u32>(load<u32>(tcp, TCP_SEQUENCE));
  const base = cookieHash(ip, ipv6, tcp, 0, 0) + sequence + (count << COUNT_SHIFT);
  return base + ((cookieHash(ip, ipv6, tcp, count, 1) + index) & COOKIE_MASK);
}

/** The number that was put into the cookie this segment acknowledges, or garbage, or all ones. */
function readCookie(ip: u32, ipv6: bool, tcp: u32): u32 {
  const sequence = bswap<u32>(load<u32>(tcp, TCP_SEQUENCE)) - 1;
  const sent = bswap<u32>(load<u32>(tcp, TCP_ACK)) - 1;
  const cookie = sent - cookieHash(ip, ipv6, tcp, 0, 0) - sequence;
  const count = minutes();
  const age = (count - (cookie >> COUNT_SHIFT)) & 0xff;
  if (age >= MAX_AGE) return u32.MAX_VALUE;
  return (cookie - cookieHash(ip, ipv6, tcp, count - age, 1)) & COOKIE_MASK;
}

/** Segment sizes a cookie can say, smallest first. */
function mssAt(index: u32, ipv6: bool): u32 {
  if (index == 0) return ipv6 ? 1220 : 536;
  if (index == 1) return ipv6 ? 1420 : 1300;
  if (index == 2) return 1440;
  return ipv6 ? 8940 : 1460;
}

/** The MSS option of a TCP header of `length` bytes, 0 without one. */
function mssOption(tcp: u32, length: u32): u32 {
  let mss: u32 = 0;
  let at = tcp + TCP_HEADER;
  const end = tcp + length;
  while (at < end) {
    const kind = load<u8>(at);
    if (kind == OPTION_END) break;
    if (kind == OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 2 > end) break;
    const size = <u32>load<u8>(at, 1);
    if (size < 2 || at + size > end) break;
    if (kind == OPTION_MSS && size == 4) {
      const value = bswap<u16>(load<u16>(at, 2));
      if (value != 0) mss = value;
    }
    at += size;
  }
  return mss;
}

/** Cookie in the lower half, the MSS it says in the upper one. */
function generate(ip: u32, ipv6: bool, tcp: u32, length: u32): u64 {
  const header = (<u32>load<u8>(tcp, TCP_OFFSET) >> 4) << 2;
  if (length < TCP_HEADER || length != header) return EINVAL;
  let mss = mssOption(tcp, length);
  if (mss == 0) mss = ipv6 ? IPV6_DEFAULT_MSS : IPV4_DEFAULT_MSS;
  let index: u32 = 3;
  while (index > 0 && mss < mssAt(index, ipv6)) index--;
  return <u64>makeCookie(ip, ipv6, tcp, index) | ((<u64>mssAt(index, ipv6)) << 32);
}

export function bpf_tcp_raw_gen_syncookie_ipv4(ip: u64, tcp: u64, length: u64): u64 {
  return generate(<u32>ip, false, <u32>tcp, <u32>length);
}

export function bpf_tcp_raw_gen_syncookie_ipv6(ip: u64, tcp: u64, length: u64): u64 {
  return generate(<u32>ip, true, <u32>tcp, <u32>length);
}

export function bpf_tcp_raw_check_syncookie_ipv4(ip: u64, tcp: u64): u64 {
  return readCookie(<u32>ip, false, <u32>tcp) < 4 ? 0 : EACCES;
}

export function bpf_tcp_raw_check_syncookie_ipv6(ip: u64, tcp: u64): u64 {
  return readCookie(<u32>ip, true, <u32>tcp) < 4 ? 0 : EACCES;
}
