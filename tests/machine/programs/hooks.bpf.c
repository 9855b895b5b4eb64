// SPDX-License-Identifier: MIT
// Programs for hooks at no device: netfilter, flow dissectors, routes; and functions to be replaced.
#include <beeyard/hooks.h>
#include <beeyard/kfuncs.h>

char LICENSE[] SEC("license") = "GPL";

// netfilter: what the last packet looked like, and which ports are dropped.
__u32 nf_runs = 0;
__u32 nf_hook = 0;
__u32 nf_family = 0;
__u32 nf_in = 0;
__u32 nf_out = 0;
__u32 nf_length = 0;
__u32 nf_mark = 0;
__u32 nf_protocol = 0;
__u32 nf_port = 0;
__u32 nf_fragments = 0;
__u32 drop_port = 0;

static __always_inline int look_at(struct bpf_nf_ctx *ctx) {
  struct nf_hook_state *state = (void *)ctx->state;
  struct sk_buff *skb = ctx->skb;
  struct bpf_dynptr packet;
  __u8 buffer[48] = {};
  __u8 *ip;
  __u32 size;
  __u16 fragment;

  nf_runs++;
  nf_hook = state->hook;
  nf_family = state->pf;
  nf_in = state->in ? state->in->ifindex : 0;
  nf_out = state->out ? state->out->ifindex : 0;
  nf_length = skb->len;
  nf_mark = skb->mark;
  if (bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &packet))
    return NF_DROP;
  ip = bpf_dynptr_slice(&packet, 0, buffer, 20);
  if (!ip)
    return NF_DROP;
  if (nf_family == 2) {
    size = 20;
    nf_protocol = ip[9];
    fragment = (ip[6] << 8 | ip[7]) & 0x3fff;
    if (fragment)
      nf_fragments++;
  } else {
    size = 40;
    nf_protocol = ip[6];
    if (nf_protocol == 44)
      nf_fragments++;
  }
  nf_port = 0;
  if (nf_protocol != 17)
    return NF_ACCEPT;
  ip = bpf_dynptr_slice(&packet, size, buffer, 8);
  if (!ip)
    return NF_ACCEPT;
  nf_port = ip[2] << 8 | ip[3];
  return nf_port == drop_port ? NF_DROP : NF_ACCEPT;
}

SEC("netfilter")
int filter(struct bpf_nf_ctx *ctx) { return look_at(ctx); }

// Digits of who ran, in order.
__u64 order = 0;

SEC("netfilter")
int first(struct bpf_nf_ctx *ctx) {
  order = order * 10 + 1;
  return NF_ACCEPT;
}

SEC("netfilter")
int second(struct bpf_nf_ctx *ctx) {
  order = order * 10 + 2;
  return NF_ACCEPT;
}

// Flow dissector: IPv4 with ports, everything else goes on to the kernel's own.
__u32 dissected = 0;

SEC("flow_dissector")
int dissect(struct __sk_buff *skb) {
  struct bpf_flow_keys *keys = skb->flow_keys;
  __u8 *data = (void *)(long)skb->data;
  __u8 *end = (void *)(long)skb->data_end;
  __u8 *ip = data + 14;

  dissected++;
  if (keys->n_proto != bpf_htons(0x0800))
    return BPF_FLOW_DISSECTOR_CONTINUE;
  if (ip + 24 > end)
    return BPF_DROP;
  keys->addr_proto = 0x0800;
  keys->ip_proto = ip[9];
  keys->thoff = keys->nhoff + 20;
  keys->ipv4_src = *(__u32 *)(ip + 12);
  keys->ipv4_dst = *(__u32 *)(ip + 16);
  keys->sport = *(__u16 *)(ip + 20);
  keys->dport = *(__u16 *)(ip + 22);
  return BPF_OK;
}

// All flows are one.
SEC("flow_dissector")
int same(struct __sk_buff *skb) {
  skb->flow_keys->addr_proto = 0x0800;
  return BPF_OK;
}

__u32 hash = 0;

SEC("tc")
int ask_hash(struct __sk_buff *skb) {
  hash = bpf_get_hash_recalc(skb);
  return 0;
}

// Programs of routes.
__u32 route_runs = 0;
__s32 pushed = 0;
__u32 route_verdict = 0;
__u32 route_length = 0;
__u32 target = 0;
__u8 outer[28] = {};

SEC("lwt_in")
int route_in(struct __sk_buff *skb) {
  route_runs++;
  route_length = skb->len;
  return route_verdict;
}

SEC("lwt_out")
int route_out(struct __sk_buff *skb) {
  route_runs++;
  route_length = skb->len;
  return route_verdict;
}

SEC("lwt_xmit")
int route_xmit(struct __sk_buff *skb) {
  route_runs++;
  route_length = skb->len;
  return route_verdict;
}

// IP in IP, with an outer header that the test fills in.
SEC("lwt_xmit")
int encapsulate(struct __sk_buff *skb) {
  __u16 *length = (void *)(outer + 2);

  *length = bpf_htons(skb->len + 20);
  pushed = bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_IP, outer, 20);
  return pushed ? BPF_DROP : BPF_LWT_REROUTE;
}

SEC("lwt_xmit")
int to_device(struct __sk_buff *skb) {
  if (bpf_skb_change_head(skb, 14, 0))
    return BPF_DROP;
  return bpf_redirect(target, 0);
}

SEC("lwt_xmit")
int to_device_bare(struct __sk_buff *skb) { return bpf_redirect(target, 0); }

// A segment routing header of one segment.
__u8 segments[24] = {};

SEC("lwt_in")
int route_segments(struct __sk_buff *skb) {
  pushed = bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_SEG6, segments, sizeof(segments));
  return pushed ? BPF_DROP : BPF_OK;
}

SEC("lwt_in")
int route_inline(struct __sk_buff *skb) {
  pushed = bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_SEG6_INLINE, segments, sizeof(segments));
  return pushed ? BPF_DROP : BPF_OK;
}

// Functions to be replaced.
__attribute__((noinline)) int weight(struct __sk_buff *skb) {
  volatile int one = 1;

  return one;
}

__attribute__((noinline)) int twice(int value) {
  volatile int two = 2;

  return value * two;
}

SEC("tc")
int extended(struct __sk_buff *skb) { return weight(skb) * 100 + twice(5); }
