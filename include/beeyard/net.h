/* SPDX-License-Identifier: MIT
 *
 * Packet headers as they stand on the wire (RFC 791, 8200, 9293, 768, 792, 826, IEEE 802.1Q), and
 * byte order. Numbers are in network order until bpf_ntohs/bpf_ntohl turn them.
 */
#ifndef BEEYARD_NET_H
#define BEEYARD_NET_H

#include "bpf.h"

/* bpf-gcc 12 turns the builtins into calls of functions that are not there. */
#if defined(__clang__) || __GNUC__ >= 14
#define swap16_(x) __builtin_bswap16(x)
#define swap32_(x) __builtin_bswap32(x)
#else
static __always_inline __u16 swap16_(__u16 x) { return x << 8 | x >> 8; }
static __always_inline __u32 swap32_(__u32 x) {
  return x << 24 | (x & 0xff00) << 8 | (x >> 8 & 0xff00) | x >> 24;
}
#endif

#define bpf_htons(x)                                                                               \
  ((__be16)(__builtin_constant_p(x)                                                                \
                ? (__u16)((((__u16)(x)) & 0xff) << 8 | ((__u16)(x)) >> 8)                          \
                : swap16_(x)))
#define bpf_ntohs(x) bpf_htons(x)
#define bpf_htonl(x)                                                                               \
  ((__be32)(__builtin_constant_p(x)                                                                \
                ? (((__u32)(x)) << 24 | (((__u32)(x)) & 0xff00) << 8 |                             \
                   ((((__u32)(x)) >> 8) & 0xff00) | ((__u32)(x)) >> 24)                            \
                : swap32_(x)))
#define bpf_ntohl(x) bpf_htonl(x)

#define ETH_ALEN 6
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021AD 0x88a8

#define IPPROTO_HOPOPTS 0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ICMPV6 58
#define IPPROTO_NONE 59
#define IPPROTO_DSTOPTS 60

/* Not packed: it has no holes, and packed fields would be read byte by byte. */
struct ethhdr {
  __u8 h_dest[ETH_ALEN];
  __u8 h_source[ETH_ALEN];
  __be16 h_proto;
};

/* What follows the first EtherType when that says VLAN. */
struct vlan_hdr {
  __be16 h_vlan_TCI;
  __be16 h_vlan_encapsulated_proto;
};

struct arphdr {
  __be16 ar_hrd;
  __be16 ar_pro;
  __u8 ar_hln;
  __u8 ar_pln;
  __be16 ar_op;
};

/* Little-endian bit fields: BPF programs of beeyard are little-endian. */
struct iphdr {
  __u8 ihl : 4, version : 4;
  __u8 tos;
  __be16 tot_len;
  __be16 id;
  __be16 frag_off;
  __u8 ttl;
  __u8 protocol;
  __sum16 check;
  __be32 saddr;
  __be32 daddr;
};

struct in6_addr {
  union {
    __u8 u6_addr8[16];
    __be16 u6_addr16[8];
    __be32 u6_addr32[4];
  } in6_u;
};
#define s6_addr in6_u.u6_addr8
#define s6_addr32 in6_u.u6_addr32

struct ipv6hdr {
  __u8 priority : 4, version : 4;
  __u8 flow_lbl[3];
  __be16 payload_len;
  __u8 nexthdr;
  __u8 hop_limit;
  struct in6_addr saddr;
  struct in6_addr daddr;
};

/* Hop-by-hop, routing and destination options of IPv6: length in units of 8 bytes past the first. */
struct ipv6_opt_hdr {
  __u8 nexthdr;
  __u8 hdrlen;
};

struct tcphdr {
  __be16 source;
  __be16 dest;
  __be32 seq;
  __be32 ack_seq;
  __u16 res1 : 4, doff : 4, fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, ece : 1, cwr : 1;
  __be16 window;
  __sum16 check;
  __be16 urg_ptr;
};

struct udphdr {
  __be16 source;
  __be16 dest;
  __be16 len;
  __sum16 check;
};

struct icmphdr {
  __u8 type;
  __u8 code;
  __sum16 checksum;
  __be32 rest;
};

#endif /* BEEYARD_NET_H */
