// SPDX-License-Identifier: MIT
/* Packet bytes that no check against data_end covers. */
#include "common.h"

/* expect: cause=packet-bounds fix=bounds-check */
SEC("xdp") int reads_at_once(struct xdp_md *ctx)
{
  struct ethhdr *eth = (void *)(long)ctx->data;

  if (eth->h_proto == bpf_htons(ETH_P_ARP)) // <- fault
    return XDP_DROP;
  return XDP_PASS;
}

/* The Ethernet header is checked, the IP header behind it is not. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("xdp") int checks_first_header_only(struct xdp_md *ctx)
{
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip;

  if (data + sizeof(*eth) > data_end)
    return XDP_PASS;
  if (eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  ip = data + sizeof(*eth);
  return ip->ttl < 2 ? XDP_DROP : XDP_PASS; // <- fault
}

/* The comparison is the wrong way round: bytes are read where they are known to be missing. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("tc") int check_turned_round(struct __sk_buff *skb)
{
  __u8 *data = (void *)(long)skb->data;
  __u8 *end = (void *)(long)skb->data_end;

  if (data + sizeof(struct ethhdr) < end)
    return TC_ACT_OK;
  return data[12] == 8 ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* One byte short: `>` is right only for the byte behind the last one. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("xdp") int one_byte_short(struct xdp_md *ctx)
{
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;

  if (data + 23 > end)
    return XDP_PASS;
  if (data[23] == IPPROTO_UDP) // <- fault
    return XDP_DROP;
  return XDP_PASS;
}

/* A length from the packet moves the pointer, and nobody checks again. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("xdp") int skips_ip_options(struct xdp_md *ctx)
{
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct iphdr *ip = data + sizeof(struct ethhdr);
  struct tcphdr *tcp;

  if ((void *)(ip + 1) > data_end)
    return XDP_PASS;
  if (ip->protocol != IPPROTO_TCP)
    return XDP_PASS;
  tcp = (void *)ip + ip->ihl * 4;
  return tcp->dest == bpf_htons(22) ? XDP_DROP : XDP_PASS; // <- fault
}

/* The header is handed to a function of its own, which trusts its caller. */
/* expect: cause=packet-bounds fix=bounds-check */
static __noinline int port_of(struct udphdr *udp)
{
  return bpf_ntohs(udp->dest); // <- fault
}

SEC("tc") int through_a_function(struct __sk_buff *skb)
{
  void *data = (void *)(long)skb->data;
  void *data_end = (void *)(long)skb->data_end;

  if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > data_end)
    return TC_ACT_OK;
  if (port_of(data + sizeof(struct ethhdr) + sizeof(struct iphdr)) == 53)
    return TC_ACT_SHOT;
  return TC_ACT_OK;
}

/* The loop checks the first byte of each option, and reads the second. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("xdp") int walks_options(struct xdp_md *ctx)
{
  __u8 *at = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  int sum = 0;

  for (int i = 0; i < 8; i++) {
    if (at + 1 > end)
      break;
    if (at[0] == 0)
      break;
    sum += at[1]; // <- fault
    at += 2;
  }
  return sum > 100 ? XDP_DROP : XDP_PASS;
}

/* The sum is checked, but the compare is with the length, not with the pointer. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("xdp") int checks_the_length(struct xdp_md *ctx)
{
  __u32 length = ctx->data_end - ctx->data;
  __u8 *data = (void *)(long)ctx->data;

  if (length < 64)
    return XDP_PASS;
  return data[20] == 6 ? XDP_DROP : XDP_PASS; // <- fault
}

/* 64 KiB and more: the verifier keeps no range for a pointer that may be moved that far. */
/* expect: cause=packet-bounds fix=mask why=imprecise */
SEC("xdp") int moved_by_a_large_length(struct xdp_md *ctx)
{
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u32 length, *tail;

  if (data + 4 > end)
    return XDP_PASS;
  length = *(__u32 *)data & 0x1ffff;
  tail = (void *)(data + length);
  if ((void *)(tail + 1) > (void *)end)
    return XDP_PASS;
  return *tail == 0 ? XDP_DROP : XDP_PASS; // <- fault
}

/* Metadata before the packet ends where the packet begins. */
/* expect: cause=packet-bounds fix=bounds-check */
SEC("tc") int reads_metadata(struct __sk_buff *skb)
{
  __u32 *mark = (void *)(long)skb->data_meta;

  skb->mark = *mark; // <- fault
  return TC_ACT_OK;
}

LICENSE("GPL");
