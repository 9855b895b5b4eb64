// SPDX-License-Identifier: MIT
// Programs that send packets somewhere, for tests of the ways packets take.
#include <beeyard/net.h>

// struct bpf_fib_lookup of the kernel, for IPv4.
struct fib {
  __u8 family, l4_protocol;
  __u16 sport, dport, tot_len;
  __u32 ifindex, flow;
  __u32 source[4], destination[4];
  __u16 h_vlan_proto, h_vlan_tci;
  __u8 smac[6], dmac[6];
};
static long (*const fib_lookup)(void *ctx, struct fib *fib, int size, __u32 flags) = (void *)69;
static long (*const redirect_neigh)(__u32 ifindex, void *to, int size, __u64 flags) = (void *)152;

enum { NEXT = -1, PASS = 0, DROP = 2, REDIRECT = 7 };

const volatile __u32 target = 0;
const volatile __u32 flags = 0;
const volatile __u32 broadcast = 0;

struct entry {
  __u32 value;
  __u32 program;
};

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 8);
  __uint(key_size, 4);
  __uint(value_size, 8);
} ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_CPUMAP);
  __uint(max_entries, 8);
  __uint(key_size, 4);
  __uint(value_size, 8);
} cpus SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u32);
} seen SEC(".maps");

static __always_inline void see(__u32 slot, __u32 what) {
  bpf_map_update_elem(&seen, &slot, &what, 0);
}

SEC("tc") int to_target(struct __sk_buff *skb) { return bpf_redirect(target, flags); }
SEC("tc") int to_peer(struct __sk_buff *skb) { return bpf_redirect_peer(target, 0); }
SEC("tc") int to_neighbour(struct __sk_buff *skb) { return redirect_neigh(target, 0, 0, 0); }

SEC("tc") int copies(struct __sk_buff *skb) {
  bpf_clone_redirect(skb, target, flags);
  return NEXT;
}

SEC("tc") int marks(struct __sk_buff *skb) {
  skb->mark = 77;
  skb->priority = 5;
  skb->cb[0] = 9;
  return NEXT;
}

// What another program left of the packet's fields.
SEC("tc") int looks(struct __sk_buff *skb) {
  see(0, skb->mark);
  see(1, skb->priority);
  see(2, skb->ifindex);
  see(3, skb->ingress_ifindex);
  see(4, skb->pkt_type);
  see(5, skb->cb[0]);
  return NEXT;
}

// Doubles every packet at its own device: a loop that only a limit ends.
SEC("tc/egress") int again(struct __sk_buff *skb) { return bpf_redirect(skb->ifindex, 0); }

SEC("netkit/primary") int primary_marks(struct __sk_buff *skb) {
  see(2, skb->ifindex);
  see(4, skb->pkt_type);
  skb->mark = 11;
  return NEXT;
}
SEC("netkit/peer") int peer_drops(struct __sk_buff *skb) { return DROP; }
SEC("netkit/peer") int peer_redirects(struct __sk_buff *skb) { return bpf_redirect(target, flags); }

SEC("xdp") int back(struct xdp_md *ctx) { return XDP_TX; }
SEC("xdp") int passes(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int drops(struct xdp_md *ctx) { return XDP_DROP; }
SEC("xdp") int forwards(struct xdp_md *ctx) { return bpf_redirect(target, 0); }
SEC("xdp") int by_map(struct xdp_md *ctx) {
  return bpf_redirect_map(&ports, 0, broadcast);
}
SEC("xdp") int to_cpu(struct xdp_md *ctx) { return bpf_redirect_map(&cpus, 1, 0); }

// Tags the frame on its way out.
SEC("xdp/devmap") int leaving(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  see(6, ctx->egress_ifindex);
  if (data + 14 > end) return XDP_DROP;
  data[0] = 0xee;
  return XDP_PASS;
}

SEC("xdp/cpumap") int on_cpu(struct xdp_md *ctx) {
  see(7, bpf_get_smp_processor_id() + 100);
  return XDP_PASS;
}

// A router in a program: what the kernel's tables say, without its stack.
SEC("xdp") int routes(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  struct fib fib = {.family = 2, .ifindex = ctx->ingress_ifindex};
  fib.source[0] = ip->saddr;
  fib.destination[0] = ip->daddr;
  if (fib_lookup(ctx, &fib, sizeof(fib), 0) != 0) return XDP_PASS;
  __builtin_memcpy(eth->h_dest, fib.dmac, 6);
  __builtin_memcpy(eth->h_source, fib.smac, 6);
  return bpf_redirect(fib.ifindex, 0);
}

char _license[] SEC("license") = "GPL";
