/* SPDX-License-Identifier: MIT
 *
 * Counts packets and bytes of every IPv4 flow. The map's hash has a seed that is known to all: what
 * that leads to is in README.md.
 */
#include <beeyard/net.h>

struct flow {
  __be32 saddr;
  __be32 daddr;
  __be16 sport;
  __be16 dport;
  __u8 protocol;
  __u8 pad[3];
};

struct traffic {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_ZERO_SEED);
  __type(key, struct flow);
  __type(value, struct traffic);
} flows SEC(".maps");

/* The same with a seed of its own. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, struct flow);
  __type(value, struct traffic);
} seeded_flows SEC(".maps");

static __always_inline int count(struct xdp_md *ctx, void *map) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  /* Ports are the first four bytes of TCP and UDP alike. */
  struct udphdr *ports = (void *)(ip + 1);
  if ((void *)(ports + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if (ip->ihl != 5 || (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)) return XDP_PASS;

  struct flow key = {
      .saddr = ip->saddr,
      .daddr = ip->daddr,
      .sport = ports->source,
      .dport = ports->dest,
      .protocol = ip->protocol,
  };
  struct traffic *known = bpf_map_lookup_elem(map, &key);
  if (known) {
    __sync_fetch_and_add(&known->packets, 1);
    __sync_fetch_and_add(&known->bytes, end - data);
    return XDP_PASS;
  }
  struct traffic first = {.packets = 1, .bytes = end - data};
  bpf_map_update_elem(map, &key, &first, BPF_NOEXIST);
  return XDP_PASS;
}

SEC("xdp")
int count_flows(struct xdp_md *ctx) { return count(ctx, &flows); }

SEC("xdp")
int count_seeded_flows(struct xdp_md *ctx) { return count(ctx, &seeded_flows); }

LICENSE("GPL");
