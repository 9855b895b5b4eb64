// SPDX-License-Identifier: MIT
// A connection table: LRU hash by the five-tuple, counters and time of each flow.
#include "bench.h"

struct flow {
  u32 from, to;
  u16 source, target;
  u32 protocol;
};
struct connection {
  u64 packets, bytes;
};
MAP(connections, LRU_HASH, struct flow, struct connection, 8192, 0);

PROGRAM(run) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *ports = (void *)(ip + 1);
  if ((void *)(ports + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  struct flow key = {
      .from = ip->saddr,
      .to = ip->daddr,
      .source = ports->source,
      .target = ports->dest,
      .protocol = ip->protocol,
  };
  struct connection *connection = bpf_map_lookup_elem(&connections, &key);
  if (connection) {
    connection->packets++;
    connection->bytes += end - data;
    return connection->packets & 64 ? XDP_TX : XDP_PASS;
  }
  struct connection fresh = {.packets = 1, .bytes = end - data};
  bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
  return XDP_DROP;
}
