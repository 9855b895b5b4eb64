// SPDX-License-Identifier: MIT
// Watches the virtual functions of an SR-IOV card through their representors: counts by 5-tuple and
// direction, and samples of headers as sFlow takes them. It sees what takes the slow path; a flow
// that a rule of the card forwards never comes here. A second program is the switch of the host.
#include "flows.h"

LICENSE("GPL");

// enum tcx_action_base.
enum { TCX_NEXT = -1, TCX_DROP = 2 };

#define HEADER 64
#define PORTS 64

// One packet in so many is told of; 0: none.
const volatile __u32 sample_rate = 0;
// Ports to flood to.
const volatile __u32 port_count = 0;

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
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} samples SEC(".maps");

// Keeps `struct sample` in the object's types.
const struct sample *sample_type SEC(".bss.types") __attribute__((unused));

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

static __always_inline void read_ports(struct flow *flow, struct udphdr *header, void *end) {
  if ((void *)(header + 1) > end) return;
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
    if (set_ipv4(flow, ip)) read_ports(flow, (void *)(ip + 1), end);
    return 1;
  }
  if (eth->h_proto != bpf_htons(ETH_P_IPV6) || (void *)(ip6 + 1) > end) return 0;
  if (set_ipv6(flow, ip6)) read_ports(flow, (void *)(ip6 + 1), end);
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
  struct flow flow = {.ifindex = skb->ifindex, .direction = direction};
  // The tag stands in the metadata; on the wire it is four bytes.
  __u32 length = skb->len + (skb->vlan_present ? 4 : 0);
  tally(&flow, read_flow(skb, &flow), length);
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
