// SPDX-License-Identifier: MIT
// Ethernet, VLAN, IPv4, TCP or UDP; verifies the IP header's checksum and sums the segment.
#include "bench.h"

static __always_inline u32 sum_words(const void *from, u32 words) {
  const u16 *word = from;
  u32 sum = 0;
  for (u32 i = 0; i < words; i++)
    sum += word[i];
  return sum;
}

static __always_inline u16 fold(u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return sum + (sum >> 16);
}

PROGRAM(run) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end)
    return XDP_DROP;
  void *at = eth + 1;
  u16 type = eth->h_proto;
  if (type == bpf_htons(ETH_P_8021Q)) {
    struct vlan_hdr *tag = at;
    if ((void *)(tag + 1) > end)
      return XDP_DROP;
    type = tag->h_vlan_encapsulated_proto;
    at = tag + 1;
  }
  struct iphdr *ip = at;
  if (type != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > end)
    return XDP_PASS;
  if (fold(sum_words(ip, 10)) != 0xffff)
    return XDP_DROP;
  at = ip + 1;
  u32 sum = 0;
  u16 *word = at;
#pragma clang loop vectorize(disable) unroll(disable)
  for (u32 i = 0; i < 64; i++, word++) {
    if ((void *)(word + 1) > end)
      break;
    sum += *word;
  }
  return fold(sum) & 1 ? XDP_PASS : XDP_TX;
}
