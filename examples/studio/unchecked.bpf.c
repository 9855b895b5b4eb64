// SPDX-License-Identifier: MIT
// Counts packets by IP protocol, and forgets that a lookup may find nothing: it is rejected.
// What to look at first in `beeyard studio`.
#include <beeyard/bpf.h>
#include <beeyard/net.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int unchecked(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  __u32 protocol = ip->protocol;
  __u64 *count = bpf_map_lookup_elem(&seen, &protocol);
  *count += 1;
  return XDP_PASS;
}
