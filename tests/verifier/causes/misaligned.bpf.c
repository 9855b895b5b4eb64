// SPDX-License-Identifier: MIT
/* An access to the stack is not at a multiple of its size. */
#include "common.h"

MAP(HASH, flows, 64, __u64, __u64);

struct record {
  __u8 kind;
  __u32 address;
  __u64 bytes;
} __attribute__((packed));

/* A number is put into a buffer behind one byte. */
/* expect: cause=misaligned fix=none */
SEC("xdp") int number_behind_a_byte(struct xdp_md *ctx)
{
  __u8 key[8] = {};

  key[0] = 4;
  *(volatile __u32 *)(key + 1) = ctx->ingress_ifindex; // <- fault
  return bpf_map_lookup_elem(&flows, key) ? XDP_PASS : XDP_DROP;
}

/* The address of a field of a packed struct forgets that it is packed. */
/* expect: cause=misaligned fix=none */
static __noinline int set(__u64 *bytes, __u64 value)
{
  *bytes = value; // <- fault
  return 0;
}

SEC("tc") int field_of_a_packed_struct(struct __sk_buff *skb)
{
  struct record record = {};
  __u64 key = 0;
  void *bytes = &record.bytes;

  set(bytes, skb->len);
  barrier_var(key);
  return bpf_map_lookup_elem(&flows, (void *)&record + 5) ? TC_ACT_OK : TC_ACT_SHOT;
}

/* A header is read where the Ethernet header before it left it: at 14. */
/* expect: cause=misaligned fix=none */
SEC("tc") int header_on_the_stack(struct __sk_buff *skb)
{
  __u8 packet[40] __attribute__((aligned(8)));
  volatile struct iphdr *ip = (void *)(packet + sizeof(struct ethhdr));

  if (bpf_skb_load_bytes(skb, 0, packet, sizeof(packet)))
    return TC_ACT_OK;
  return ip->daddr == 0 ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* Each step goes on by one byte, and writes four. */
/* expect: cause=misaligned fix=none */
SEC("xdp") int loop_by_one(struct xdp_md *ctx)
{
  __u8 window[16] __attribute__((aligned(8))) = {};

  for (int i = 0; i < 4; i++)
    *(volatile __u32 *)(window + i) = ctx->rx_queue_index; // <- fault
  return bpf_map_lookup_elem(&flows, window) ? XDP_PASS : XDP_DROP;
}

LICENSE("GPL");
