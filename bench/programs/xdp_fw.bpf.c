// SPDX-License-Identifier: MIT
// A firewall of 64 rules tried in turn: prefix, protocol, port range.
#include "bench.h"

#define RULES 64
struct rule {
  u32 address, mask;
  u16 low, high;
  u8 protocol, drop;
  u16 unused;
};
struct firewall {
  struct rule rules[RULES];
};
WORK(struct firewall);

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 8;
  for (u32 i = 0; i < RULES; i++) {
    struct rule *rule = &work.rules[i];
    u32 address = next_random(&random);
    rule->mask = bpf_htonl(~0u << (8 + address % 17));
    rule->address = (i % 8 == 7 ? (address & ~0xffu) | 10 : address) & rule->mask;
    rule->low = next_random(&random) % 2000;
    rule->high = rule->low + 500;
    rule->protocol = i & 1 ? IPPROTO_TCP : IPPROTO_UDP;
    rule->drop = i % 3 == 0;
  }
  return 0;
}

PROGRAM(run) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *ports = (void *)(ip + 1);
  if ((void *)(ports + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  u32 from = ip->saddr;
  u16 port = bpf_ntohs(ports->dest);
  u8 protocol = ip->protocol;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < RULES; i++) {
    struct rule *rule = &work.rules[i];
    if ((from & rule->mask) != rule->address || rule->protocol != protocol)
      continue;
    if (port >= rule->low && port <= rule->high)
      return rule->drop ? XDP_DROP : XDP_PASS;
  }
  return XDP_PASS;
}
