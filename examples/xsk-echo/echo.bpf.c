// SPDX-License-Identifier: MIT
// UDP echo, twice: to_socket leaves it to an AF_XDP socket and tells it what the card says of the
// packet; in_kernel turns the packet round by itself.
#include <beeyard/kfuncs.h>
#include <beeyard/net.h>

#define ECHO 7

// In front of each packet for the socket. Its user must know the struct: nothing tells its length.
struct arrival {
  __u64 received;
  __u32 hash;
  __u32 hash_type;
  __be16 vlan_protocol;
  __u16 vlan_tag;
  // What the card did not say: bits 0 to 2 for time, hash, tag.
  __u32 missing;
};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} sockets SEC(".maps");

static __always_inline struct udphdr *echo_request(void *data, void *end) {
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *udp = (void *)(ip + 1);
  if ((void *)(udp + 1) > end) return 0;
  if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return 0;
  if (ip->frag_off & bpf_htons(0x3fff)) return 0;
  return udp->dest == bpf_htons(ECHO) ? udp : 0;
}

SEC("xdp")
int to_socket(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  if (!echo_request(data, (void *)(long)ctx->data_end)) return XDP_PASS;
  if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(struct arrival))) return XDP_ABORTED;
  struct arrival *front = (void *)(long)ctx->data_meta;
  if ((void *)(front + 1) > (void *)(long)ctx->data) return XDP_ABORTED;

  *front = (struct arrival){};
  if (bpf_xdp_metadata_rx_timestamp(ctx, &front->received)) front->missing |= 1;
  if (bpf_xdp_metadata_rx_hash(ctx, &front->hash, (void *)&front->hash_type)) front->missing |= 2;
  if (bpf_xdp_metadata_rx_vlan_tag(ctx, &front->vlan_protocol, &front->vlan_tag)) {
    front->missing |= 4;
  }
  // Without a socket on its queue the packet goes the usual way.
  return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

// The same without a word of the card, for any device.
SEC("xdp")
int to_any_socket(struct xdp_md *ctx) {
  if (!echo_request((void *)(long)ctx->data, (void *)(long)ctx->data_end)) return XDP_PASS;
  return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

// Addresses and ports change places: no checksum changes.
SEC("xdp")
int in_kernel(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  struct udphdr *udp = echo_request(data, (void *)(long)ctx->data_end);
  if (!udp) return XDP_PASS;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  __u8 mac[ETH_ALEN];
  __builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
  __builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
  __builtin_memcpy(eth->h_source, mac, ETH_ALEN);
  __be32 address = ip->saddr;
  ip->saddr = ip->daddr;
  ip->daddr = address;
  __be16 port = udp->source;
  udp->source = udp->dest;
  udp->dest = port;
  return XDP_TX;
}

LICENSE("GPL");
