// SPDX-License-Identifier: MIT
// Watches the virtual functions of an SR-IOV card through their representors: counts by 5-tuple and
// direction, and samples of headers as sFlow takes them. It sees what takes the slow path; a flow
// that a rule of the card forwards never comes here. A second program is the switch of the host.
#include <beeyard/net.h>

LICENSE("GPL");

// enum tcx_action_base.
enum { TCX_NEXT = -1, TCX_DROP = 2 };

#define HEADER 64
#define PORTS 64

// One packet in so many is told of; 0: none.
const volatile __u32 sample_rate = 0;
// Ports to flood to.
const volatile __u32 port_count = 0;

// What the function sent comes in by its representor; what goes out by that the function gets.
enum { FROM_VF = 0, TO_VF = 1 };

struct flow {
  __u32 ifindex;
  __u8 direction;
  __u8 version;
  __u8 protocol;
  __u8 unused;
  __be16 source_port;
  __be16 port;
  // IPv4 in the first four bytes.
  __u8 source[16];
  __u8 destination[16];
};

struct port {
  __u32 ifindex;
  __u32 direction;
};

struct count {
  __u64 packets;
  __u64 bytes;
};

struct sample {
  __u32 ifindex;
  __u32 direction;
  __u32 rate;
  __u32 length;
  // Bytes of `header` that are the packet's.
  __u32 captured;
  __u8 header[HEADER];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, struct flow);
  __type(value, struct count);
} flows SEC(".maps");

// All frames, those without a 5-tuple too.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct port);
  __type(value, struct count);
} ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} samples SEC(".maps");

// Keeps `struct sample` in the object's types.
const struct sample *sample_type SEC(".bss.types") __attribute__((unused));

// Flows that found no room in the table.
__u64 untracked;

// Where a hardware address is: the representor (or the uplink) to send to.
struct station {
  __u8 address[ETH_ALEN];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct station);
  __type(value, __u32);
} stations SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PORTS);
  __type(key, __u32);
  __type(value, __u32);
} members SEC(".maps");

static __always_inline struct count *count_in(void *map, void *key) {
  struct count *count = bpf_map_lookup_elem(map, key);
  struct count none = {0, 0};
  if (count) return count;
  bpf_map_update_elem(map, key, &none, BPF_NOEXIST);
  return bpf_map_lookup_elem(map, key);
}

static __always_inline void add(struct count *count, __u32 bytes) {
  __sync_fetch_and_add(&count->packets, 1);
  __sync_fetch_and_add(&count->bytes, bytes);
}

static __always_inline int has_ports(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline void read_ports(struct flow *flow, struct udphdr *header, void *end) {
  if (!has_ports(flow->protocol) || (void *)(header + 1) > end) return;
  flow->source_port = header->source;
  flow->port = header->dest;
}

static __always_inline int read_flow(struct __sk_buff *skb, struct flow *flow) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct ipv6hdr *ip6 = (void *)(eth + 1);
  if ((void *)(ip + 1) > end) return 0;
  if (eth->h_proto == bpf_htons(ETH_P_IP)) {
    flow->version = 4;
    flow->protocol = ip->protocol;
    __builtin_memcpy(flow->source, &ip->saddr, 4);
    __builtin_memcpy(flow->destination, &ip->daddr, 4);
    // Only the first fragment has ports, so none of them is counted by port.
    if (!(ip->frag_off & bpf_htons(0x3fff)) && ip->ihl == 5) read_ports(flow, (void *)(ip + 1), end);
    return 1;
  }
  if (eth->h_proto != bpf_htons(ETH_P_IPV6) || (void *)(ip6 + 1) > end) return 0;
  flow->version = 6;
  flow->protocol = ip6->nexthdr;
  __builtin_memcpy(flow->source, &ip6->saddr, 16);
  __builtin_memcpy(flow->destination, &ip6->daddr, 16);
  read_ports(flow, (void *)(ip6 + 1), end);
  return 1;
}

static __always_inline void take_sample(struct __sk_buff *skb, __u32 direction, __u32 length) {
  if (sample_rate == 0 || bpf_get_prandom_u32() % sample_rate != 0) return;
  struct sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
  if (!sample) return;
  sample->ifindex = skb->ifindex;
  sample->direction = direction;
  sample->rate = sample_rate;
  sample->length = length;
  sample->captured = HEADER;
  // Shorter ones: Ethernet, IPv4 and UDP, or nothing.
  if (bpf_skb_load_bytes(skb, 0, sample->header, HEADER)) {
    __builtin_memset(sample->header, 0, HEADER);
    sample->captured = bpf_skb_load_bytes(skb, 0, sample->header, 42) ? 0 : 42;
  }
  bpf_ringbuf_submit(sample, 0);
}

static __always_inline int watch(struct __sk_buff *skb, __u32 direction) {
  struct port port = {.ifindex = skb->ifindex, .direction = direction};
  struct flow flow = {.ifindex = skb->ifindex, .direction = direction};
  // The tag stands in the metadata; on the wire it is four bytes.
  __u32 length = skb->len + (skb->vlan_present ? 4 : 0);
  struct count *count = count_in(&ports, &port);
  if (count) add(count, length);
  if (read_flow(skb, &flow)) {
    count = count_in(&flows, &flow);
    if (count) add(count, length);
    else __sync_fetch_and_add(&untracked, 1);
  }
  take_sample(skb, direction, length);
  return TCX_NEXT;
}

SEC("tcx/ingress")
int from_vf(struct __sk_buff *skb) {
  return watch(skb, FROM_VF);
}

SEC("tcx/egress")
int to_vf(struct __sk_buff *skb) {
  return watch(skb, TO_VF);
}

struct flood {
  struct __sk_buff *skb;
  __u32 from;
};

static long to_member(__u32 i, struct flood *flood) {
  __u32 *ifindex = bpf_map_lookup_elem(&members, &i);
  if (ifindex && *ifindex != 0 && *ifindex != flood->from) {
    bpf_clone_redirect(flood->skb, *ifindex, 0);
  }
  return 0;
}

// The switch: to the port of the address, or to all others.
SEC("tcx/ingress")
int forward(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  struct station to;
  if ((void *)(eth + 1) > end) return TCX_DROP;
  __builtin_memcpy(to.address, eth->h_dest, ETH_ALEN);
  __u32 *ifindex = bpf_map_lookup_elem(&stations, &to);
  if (ifindex) return *ifindex == skb->ifindex ? TCX_DROP : (int)bpf_redirect(*ifindex, 0);
  struct flood flood = {.skb = skb, .from = skb->ifindex};
  bpf_loop(port_count < PORTS ? port_count : PORTS, to_member, &flood, 0);
  return TCX_DROP;
}
