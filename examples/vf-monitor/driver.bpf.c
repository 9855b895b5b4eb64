// SPDX-License-Identifier: MIT
// Watches virtual functions where drivers give packets to the kernel and get them from it. That is
// the kernel this is loaded into: of a function that was passed to a virtual machine it sees what
// comes by the representor, and of one in a network namespace all that the function sends and gets.
#include "flows.h"

LICENSE("GPL");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net_device {
  int ifindex;
};
struct sk_buff {
  unsigned int len;
  struct net_device *dev;
  __be16 protocol;
  unsigned char *data;
};
#pragma clang attribute pop

static __always_inline void read_ports(struct flow *flow, const void *header) {
  struct udphdr udp;
  if (bpf_probe_read_kernel(&udp, sizeof(udp), header)) return;
  flow->source_port = udp.source;
  flow->port = udp.dest;
}

static __always_inline int read_flow(const unsigned char *network, __be16 protocol,
                                     struct flow *flow) {
  struct iphdr ip;
  struct ipv6hdr ip6;
  if (protocol == bpf_htons(ETH_P_IP)) {
    if (bpf_probe_read_kernel(&ip, sizeof(ip), network)) return 0;
    if (set_ipv4(flow, &ip)) read_ports(flow, network + sizeof(ip));
    return 1;
  }
  if (protocol != bpf_htons(ETH_P_IPV6)) return 0;
  if (bpf_probe_read_kernel(&ip6, sizeof(ip6), network)) return 0;
  if (set_ipv6(flow, &ip6)) read_ports(flow, network + sizeof(ip6));
  return 1;
}

// The Ethernet header is gone already.
SEC("fentry/napi_gro_receive")
int received(__u64 *ctx) {
  struct sk_buff *skb = (void *)ctx[1];
  struct flow flow = {.ifindex = skb->dev->ifindex, .direction = FROM_VF};
  tally(&flow, read_flow(skb->data, skb->protocol, &flow), skb->len + sizeof(struct ethhdr));
  return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int sent(__u64 *ctx) {
  struct sk_buff *skb = (void *)ctx[0];
  struct flow flow = {.ifindex = skb->dev->ifindex, .direction = TO_VF};
  tally(&flow, read_flow(skb->data + sizeof(struct ethhdr), skb->protocol, &flow), skb->len);
  return 0;
}
