// SPDX-License-Identifier: MIT
// A load balancer in XDP: Maglev tables from user space say which backend a flow goes to, a table of
// connections keeps it there when backends come and go. Packets are handed on by rewriting the
// hardware address (the backend has the service's address itself) or in an IPIP tunnel; answers go
// straight to the client.
#include <beeyard/net.h>

LICENSE("GPL");

#define SERVICES 4
#define TABLE 16381
#define BACKENDS 256
#define IPPROTO_IPIP 4

// Source of tunnels.
const volatile __be32 own_address = 0;
// 0: every packet asks the Maglev table alone.
const volatile __u8 track = 1;

struct vip {
  __be32 address;
  __be16 port;
  __u8 protocol;
  __u8 unused;
};

struct flow {
  __be32 source;
  __be32 destination;
  __be16 source_port;
  __be16 port;
  __u32 protocol;
};

struct backend {
  __be32 address;
  __u8 mac[ETH_ALEN];
  __u8 alive;
  // 0: hardware address, 1: IPIP.
  __u8 tunnel;
  // Where in `ports` its device is.
  __u32 port;
};

struct count {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SERVICES);
  __type(key, struct vip);
  __type(value, __u32);
} services SEC(".maps");

// TABLE entries for each service; a backend's number.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SERVICES * TABLE);
  __type(key, __u32);
  __type(value, __u32);
} maglev SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BACKENDS);
  __type(key, __u32);
  __type(value, struct backend);
} backends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, struct flow);
  __type(value, __u32);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, BACKENDS);
  __type(key, __u32);
  __type(value, struct count);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} ports SEC(".maps");

static __always_inline __u32 mix(__u32 hash, __u32 word) {
  hash = (hash ^ word) * 0x85ebca6b;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35;
  return hash ^ hash >> 16;
}

static __always_inline __u32 hash_of(const struct flow *flow) {
  __u32 hash = mix(0x9e3779b9, flow->source);
  hash = mix(hash, flow->destination);
  hash = mix(hash, (__u32)flow->source_port << 16 | flow->port);
  return mix(hash, flow->protocol);
}

static __always_inline struct backend *living(__u32 number) {
  struct backend *backend = bpf_map_lookup_elem(&backends, &number);
  return backend && backend->alive ? backend : NULL;
}

// The backend of a flow and its number.
static __always_inline struct backend *choose(__u32 service, struct flow *flow, __u32 *number) {
  __u32 *known = track ? bpf_map_lookup_elem(&connections, flow) : NULL;
  if (known) {
    *number = *known;
    struct backend *backend = living(*number);
    if (backend) return backend;
  }
  __u32 place = service * TABLE + hash_of(flow) % TABLE;
  __u32 *entry = bpf_map_lookup_elem(&maglev, &place);
  if (!entry) return NULL;
  *number = *entry;
  struct backend *backend = living(*number);
  if (backend && track) bpf_map_update_elem(&connections, flow, number, BPF_ANY);
  return backend;
}

static __always_inline void count_packet(__u32 number, __u32 bytes) {
  struct count *count = bpf_map_lookup_elem(&counts, &number);
  if (!count) return;
  count->packets++;
  count->bytes += bytes;
}

static __always_inline __sum16 checksum_of(struct iphdr *ip) {
  __u16 *words = (__u16 *)ip;
  __u32 sum = 0;
  for (int i = 0; i < 10; i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

// Puts an IPv4 header in front of the packet's; 0 if there is room.
static __always_inline int wrap(struct xdp_md *ctx, __be32 to, __u16 inner) {
  if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr))) return -1;
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data, *old = data + sizeof(struct iphdr);
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(old + 1) > end || (void *)(ip + 1) > end) return -1;
  __builtin_memmove(eth, old, sizeof(*eth));
  __builtin_memset(ip, 0, sizeof(*ip));
  ip->version = 4;
  ip->ihl = 5;
  ip->tot_len = bpf_htons((__u16)(inner + sizeof(*ip)));
  ip->ttl = 64;
  ip->protocol = IPPROTO_IPIP;
  ip->saddr = own_address;
  ip->daddr = to;
  ip->check = checksum_of(ip);
  return 0;
}

SEC("xdp")
int balance(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *head = (void *)(ip + 1);
  if ((void *)(head + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  // Options and fragments have no ports where they are looked for.
  if (ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff)) return XDP_PASS;
  if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) return XDP_PASS;

  struct vip vip = {.address = ip->daddr, .port = head->dest, .protocol = ip->protocol};
  __u32 *service = bpf_map_lookup_elem(&services, &vip);
  if (!service || *service >= SERVICES) return XDP_PASS;
  struct flow flow = {.source = ip->saddr, .destination = ip->daddr, .protocol = ip->protocol};
  flow.source_port = head->source;
  flow.port = head->dest;
  __u32 number = 0;
  struct backend *backend = choose(*service, &flow, &number);
  if (!backend) return XDP_DROP;

  count_packet(number, end - data);
  if (backend->tunnel) {
    if (wrap(ctx, backend->address, bpf_ntohs(ip->tot_len))) return XDP_DROP;
    data = (void *)(long)ctx->data;
    end = (void *)(long)ctx->data_end;
    eth = data;
    if ((void *)(eth + 1) > end) return XDP_DROP;
  }
  __builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
  __builtin_memcpy(eth->h_dest, backend->mac, ETH_ALEN);
  return bpf_redirect_map(&ports, backend->port, XDP_DROP);
}
