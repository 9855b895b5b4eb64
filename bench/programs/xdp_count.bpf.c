// SPDX-License-Identifier: MIT
// Packets and bytes by protocol and by length class: two array look-ups a packet.
#include "bench.h"

struct counter {
  u64 packets, bytes;
};
MAP(protocols, ARRAY, u32, struct counter, 256, 0);
MAP(lengths, ARRAY, u32, u64, 16, 0);

PROGRAM(run) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end)
    return XDP_DROP;
  u32 key = eth->h_proto == bpf_htons(ETH_P_IP) ? ip->protocol : 255;
  u32 length = end - data, class = length >> 7;
  struct counter *counter = bpf_map_lookup_elem(&protocols, &key);
  if (counter) {
    counter->packets++;
    counter->bytes += length;
  }
  u64 *count = bpf_map_lookup_elem(&lengths, &class);
  if (count)
    ++*count;
  return XDP_PASS;
}

PROGRAM(check) {
  UNUSED(ctx);
  u64 digest = 0;
  for (u32 key = 0; key < 256; key++) {
    struct counter *counter = bpf_map_lookup_elem(&protocols, &key);
    if (counter)
      digest = digest * 31 + counter->packets * 7 + counter->bytes;
  }
  for (u32 key = 0; key < 16; key++) {
    u64 *count = bpf_map_lookup_elem(&lengths, &key);
    digest = digest * 31 + (count ? *count : 0);
  }
  return mix32(digest);
}
