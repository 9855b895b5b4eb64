// SPDX-License-Identifier: MIT
// Drops what opens more than `limit` TCP connections a second from one IPv4 address.
#include <beeyard/bpf.h>
#include <beeyard/net.h>

#define SECOND 1000000000ULL

/* New connections that a source may open each second. */
const volatile __u32 limit = 100;

struct source {
  __u64 second;
  __u32 opened;
  __u32 dropped;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 10000);
  __type(key, __u32);
  __type(value, struct source);
} sources SEC(".maps");

static __always_inline struct source *source_of(__u32 address) {
  struct source *known = bpf_map_lookup_elem(&sources, &address);
  if (known)
    return known;
  struct source fresh = {};
  bpf_map_update_elem(&sources, &address, &fresh, BPF_ANY);
  return bpf_map_lookup_elem(&sources, &address);
}

static __always_inline int judge(struct source *source) {
  __u64 second = bpf_ktime_get_ns() / SECOND;
  if (source->second != second) {
    source->second = second;
    source->opened = 0;
  }
  if (++source->opened <= limit)
    return XDP_PASS;
  source->dropped++;
  return XDP_DROP;
}

SEC("xdp")
int synlimit(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  struct tcphdr *tcp = (void *)ip + ip->ihl * 4;
  if (ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > end)
    return XDP_PASS;
  if (!tcp->syn || tcp->ack)
    return XDP_PASS;
  struct source *source = source_of(ip->saddr);
  return source ? judge(source) : XDP_ABORTED;
}

LICENSE("GPL");
