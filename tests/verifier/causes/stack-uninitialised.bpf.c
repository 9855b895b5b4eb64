// SPDX-License-Identifier: MIT
/* Stack bytes are given to a helper that were never written. Loaded without CAP_PERFMON: with it,
 * Linux lets them pass. */
#include "common.h"

struct flow {
  __u32 address;
  __u16 port;
  /* two bytes of padding */
  __u32 mark;
};
struct event {
  __u64 when;
  __u32 ifindex;
  /* four bytes of padding at the end */
};
MAP(HASH, flows, 64, struct flow, __u64);
MAP(HASH, last, 64, __u32, struct event);
RINGBUF(events, 4096);

/* Every field is set, but not the hole between them. */
/* expect: cause=stack-uninitialised fix=zero-init caps=bpf,net_admin */
SEC("tc") int padding_in_a_key(struct __sk_buff *skb)
{
  struct flow flow;
  __u64 one = 1;

  flow.address = skb->hash;
  flow.port = skb->queue_mapping;
  flow.mark = skb->mark;
  bpf_map_update_elem(&flows, &flow, &one, BPF_ANY); // <- fault
  return TC_ACT_OK;
}

/* expect: cause=stack-uninitialised fix=zero-init caps=bpf,net_admin */
SEC("xdp") int padding_at_the_end(struct xdp_md *ctx)
{
  struct event event;

  event.when = bpf_ktime_get_ns();
  event.ifindex = ctx->ingress_ifindex;
  bpf_ringbuf_output(&events, &event, sizeof(event), 0); // <- fault
  return XDP_PASS;
}

/* The key is set on one path only. */
/* expect: cause=stack-uninitialised fix=zero-init caps=bpf,net_admin */
SEC("tc") int set_on_one_path(struct __sk_buff *skb)
{
  __u32 key[1];
  void *volatile address = key;

  if (skb->protocol == bpf_htons(ETH_P_IP))
    *(__u32 *)address = skb->hash;
  return bpf_map_lookup_elem(&last, key) ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* Eight bytes are copied into sixteen, and all sixteen are sent. */
/* expect: cause=stack-uninitialised fix=zero-init caps=bpf,net_admin */
SEC("tc") int half_a_buffer(struct __sk_buff *skb)
{
  char buffer[16];

  if (bpf_skb_load_bytes(skb, 0, buffer, 8))
    return TC_ACT_OK;
  bpf_ringbuf_output(&events, buffer, sizeof(buffer), 0); // <- fault
  return TC_ACT_OK;
}

/* The loop leaves the last element out. */
/* expect: cause=stack-uninitialised fix=zero-init caps=bpf,net_admin */
SEC("xdp") int loop_leaves_one_out(struct xdp_md *ctx)
{
  volatile __u32 parts[4];

  for (int i = 0; i < 3; i++)
    parts[i] = ctx->rx_queue_index + i;
  bpf_ringbuf_output(&events, (void *)parts, sizeof(parts), 0); // <- fault
  return XDP_PASS;
}

/* A function of the program sets the fields it knows. */
/* expect: cause=stack-uninitialised fix=zero-init caps=bpf,net_admin */
static __noinline int fill(struct event *event, struct xdp_md *ctx)
{
  event->ifindex = ctx->ingress_ifindex;
  return 0;
}

SEC("xdp") int filled_by_a_function(struct xdp_md *ctx)
{
  struct event event;
  __u32 key = 0;

  fill(&event, ctx);
  bpf_map_update_elem(&last, &key, &event, BPF_ANY); // <- fault
  return XDP_PASS;
}

LICENSE("GPL");
