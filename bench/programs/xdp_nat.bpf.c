// SPDX-License-Identifier: MIT
// Rewrites addresses and ports and mends both checksums (RFC 1624): writes into the packet.
#include "bench.h"

static __always_inline u16 mend(u16 check, u16 before, u16 after) {
  u32 sum = (u16)~check + (u16)~before + after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

PROGRAM(run) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *udp = (void *)(ip + 1);
  if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  if (ip->protocol != IPPROTO_UDP)
    return XDP_PASS;
  u16 *address = (u16 *)&ip->daddr;
  u16 low = address[1], fresh = low ^ bpf_htons(0x0101);
  address[1] = fresh;
  ip->check = mend(ip->check, low, fresh);
  u16 port = udp->dest, other = port ^ bpf_htons(1);
  udp->dest = other;
  udp->check = mend(mend(udp->check, low, fresh), port, other);
  u16 ttl = ip->ttl;
  for (int i = 0; i < 3; i++) {
    u16 from = ((u16 *)eth->h_source)[i];
    ((u16 *)eth->h_source)[i] = ((u16 *)eth->h_dest)[i];
    ((u16 *)eth->h_dest)[i] = from;
  }
  return ttl > 1 ? XDP_TX : XDP_DROP;
}
