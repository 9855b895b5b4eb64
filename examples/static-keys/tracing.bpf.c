// SPDX-License-Identifier: MIT
// A filter that can tell what it does: tracing is compiled in and off, and costs nothing until
// somebody turns its key on.
#include <beeyard/net.h>
#include <beeyard/static_key.h>

DEFINE_STATIC_KEY(tracing);
DEFINE_STATIC_KEY(strict);

struct event {
  __u32 source;
  __u16 port;
  __u8 protocol;
  __u8 verdict;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} events SEC(".maps");

__u64 passed;
__u64 dropped;

// A function of its own: its branch follows the key like all others.
static __attribute__((noinline)) int finish(struct iphdr *ip, __u16 port, int verdict) {
  if (bpf_static_branch_unlikely(&tracing)) {
    struct event event = {ip->saddr, bpf_ntohs(port), ip->protocol, verdict};
    bpf_ringbuf_output(&events, &event, sizeof(event), 0);
  }
  if (verdict == XDP_PASS)
    passed++;
  else
    dropped++;
  return verdict;
}

SEC("xdp")
int filter(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *udp = (void *)(ip + 1);
  if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if (ip->protocol == IPPROTO_UDP && udp->dest == bpf_htons(53)) {
    return finish(ip, udp->dest, XDP_DROP);
  }
  // Only while the key is on: what is neither TCP nor UDP goes too.
  if (bpf_static_branch_unlikely(&strict)) {
    if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP) {
      return finish(ip, 0, XDP_DROP);
    }
  }
  return finish(ip, udp->dest, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
