// SPDX-License-Identifier: MIT
// One filter with three places where it may trace, switched in three ways, and without them. What
// it computes has one order only, so that the compiler does not find another one for each.
#include <beeyard/net.h>
#include <beeyard/static_key.h>

DEFINE_STATIC_KEY(tracing);

const volatile __u32 constant = 0;
__u32 sizes[16];

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} settings SEC(".maps");

static __attribute__((always_inline)) inline int setting(void) {
  __u32 zero = 0;
  __u32 *value = bpf_map_lookup_elem(&settings, &zero);
  return value && *value;
}

static __attribute__((always_inline)) inline void trace(__u32 size) { sizes[size >> 6 & 15]++; }

#define FILTER(name, ON)                                                                           \
  SEC("xdp") int name(struct xdp_md *ctx) {                                                        \
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;                      \
    struct ethhdr *eth = data;                                                                     \
    if ((void *)(eth + 1) > end) return XDP_DROP;                                                  \
    if (ON) trace(end - data);                                                                     \
    if (eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;                                      \
    struct iphdr *ip = (void *)(eth + 1);                                                          \
    if ((void *)(ip + 1) > end) return XDP_DROP;                                                   \
    if (ON) trace(bpf_ntohs(ip->tot_len));                                                         \
    __u32 hash = 0;                                                                                \
    const __u16 *word = (void *)ip;                                                                \
    for (int i = 0; i < 10; i++) hash = (hash ^ word[i]) * 31;                                      \
    if (ON) trace(hash);                                                                           \
    return hash > 7 ? XDP_PASS : XDP_TX;                                                           \
  }

FILTER(without, 0)
FILTER(key, bpf_static_branch_unlikely(&tracing))
FILTER(rodata, constant)
FILTER(lookup, setting())

char _license[] SEC("license") = "GPL";
