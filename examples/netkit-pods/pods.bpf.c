// SPDX-License-Identifier: MIT
// A container datapath over netkit: every pod is a namespace whose eth0 is the peer of a netkit pair,
// the node has the primary. One program decides what pods may send, the other what they may get.
#include <beeyard/net.h>

// enum tcx_action_base, enum netkit_action.
enum { NETKIT_NEXT = -1, NETKIT_PASS = 0, NETKIT_DROP = 2 };

#define DNS 53
#define ANY_PORT 0

// A pod: who it is, and the node's end of its pair.
struct endpoint {
  __u32 id;
  __u32 ifindex;
};

// Who may open what to whom. Port 0: every port.
struct rule {
  __u32 from;
  __u32 to;
  __u16 port;
  __u8 protocol;
  __u8 unused;
};

struct count {
  __u64 allowed;
  __u64 denied;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __u32);
  __type(value, struct endpoint);
} endpoints SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct rule);
  __type(value, __u8);
} allow SEC(".maps");

// By the pod that sends.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __u32);
  __type(value, struct count);
} counts SEC(".maps");

// Straight from pair to pair, past the node's routes.
const volatile __u8 shortcut = 0;

struct flow {
  __u32 source;
  __u32 destination;
  __u16 source_port;
  __u16 port;
  __u8 protocol;
};

static __always_inline int read_flow(struct __sk_buff *skb, struct flow *flow) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5) return 0;
  flow->source = ip->saddr;
  flow->destination = ip->daddr;
  flow->protocol = ip->protocol;
  // UDP and TCP begin with their ports.
  struct udphdr *ports = (void *)(ip + 1);
  if ((void *)(ports + 1) <= end &&
      (ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_TCP)) {
    flow->source_port = bpf_ntohs(ports->source);
    flow->port = bpf_ntohs(ports->dest);
  }
  return 1;
}

static __always_inline int allowed(__u32 from, __u32 to, __u16 port, __u8 protocol) {
  struct rule rule = {.from = from, .to = to, .port = port, .protocol = protocol};
  if (bpf_map_lookup_elem(&allow, &rule)) return 1;
  rule.port = ANY_PORT;
  return bpf_map_lookup_elem(&allow, &rule) != 0;
}

static __always_inline int counted(__u32 id, int verdict) {
  struct count *count = bpf_map_lookup_elem(&counts, &id);
  if (!count) {
    struct count first = {0, 0};
    bpf_map_update_elem(&counts, &id, &first, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&counts, &id);
    if (!count) return verdict;
  }
  __sync_fetch_and_add(verdict == NETKIT_DROP ? &count->denied : &count->allowed, 1);
  return verdict;
}

// Runs when a pod sends, in the node's hands already: the pod cannot take it off.
SEC("netkit/peer")
int from_pod(struct __sk_buff *skb) {
  struct flow flow = {0};
  if (!read_flow(skb, &flow)) return NETKIT_DROP;
  struct endpoint *from = bpf_map_lookup_elem(&endpoints, &flow.source);
  // An address that is nobody's: a pod that pretends.
  if (!from || from->ifindex != skb->ifindex) return NETKIT_DROP;
  // Questions and answers of DNS are for everyone.
  if (flow.protocol == IPPROTO_UDP && (flow.port == DNS || flow.source_port == DNS)) {
    return counted(from->id, NETKIT_PASS);
  }
  struct endpoint *to = bpf_map_lookup_elem(&endpoints, &flow.destination);
  if (!to) return counted(from->id, NETKIT_PASS);
  // Either way: answers go where questions may come from.
  if (!allowed(from->id, to->id, flow.port, flow.protocol) &&
      !allowed(to->id, from->id, flow.source_port, flow.protocol)) {
    return counted(from->id, NETKIT_DROP);
  }
  counted(from->id, NETKIT_PASS);
  return shortcut ? (int)bpf_redirect(to->ifindex, 0) : NETKIT_PASS;
}

// Runs when the node sends to a pod: nobody from outside reaches SSH.
SEC("netkit/primary")
int to_pod(struct __sk_buff *skb) {
  struct flow flow = {0};
  if (!read_flow(skb, &flow)) return NETKIT_NEXT;
  return flow.protocol == IPPROTO_TCP && flow.port == 22 ? NETKIT_DROP : NETKIT_NEXT;
}

char _license[] SEC("license") = "GPL";
