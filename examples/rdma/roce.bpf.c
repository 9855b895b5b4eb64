// SPDX-License-Identifier: MIT
// RDMA seen from outside: what RoCE packets say to programs at XDP and tcx, where Linux has hooks.
#include <beeyard/net.h>

enum { TCX_NEXT = -1 };

#define ROCE_PORT 4791
#define ACK 0x11
#define LAST_OF_RELIABLE 0x1f
#define FIRST_RESPONSE 0x0d
#define LAST_RESPONSE 0x12
#define READ_REQUEST 0x0c
#define NAK_KIND 3
#define PSN_MASK 0xffffff
// No sequence number: the next one may be any.
#define ANYTHING 0xffffffff

// Base transport header (IBTA, volume 1, chapter 9).
struct bth {
  __u8 opcode;
  __u8 flags;
  __be16 pkey;
  __be32 qpn;
  __be32 psn;
};

struct roce {
  __be32 from;
  __be32 to;
  __u32 qpn;
  __u32 psn;
  __u32 bytes;
  __u8 opcode;
  // Only of acknowledgements.
  __u8 syndrome;
};

struct qp_count {
  __u64 packets;
  __u64 bytes;
  __u64 acks;
  __u64 naks;
};

// Numbers of queue pairs are only unique on their host.
struct queue_pair {
  __be32 address;
  __u32 qpn;
};

// By queue pair that packets are for.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct queue_pair);
  __type(value, struct qp_count);
} queue_pairs SEC(".maps");

struct flow {
  __be32 from;
  __u32 qpn;
};

struct sequence {
  __u32 expected;
  __u32 gaps;
  __u32 lost;
  __u32 again;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct flow);
  __type(value, struct sequence);
} sequences SEC(".maps");

// Which packet drop_psn takes away, and how often.
const volatile __u32 victim = 0;
__u32 drops_left = 1;

// Ethernet, IPv4 without options, UDP, BTH.
static __always_inline int parse(void *data, void *end, struct roce *out) {
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *udp = (void *)(ip + 1);
  struct bth *bth = (void *)(udp + 1);
  if ((void *)(bth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return 0;
  if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(ROCE_PORT))
    return 0;
  out->from = ip->saddr;
  out->to = ip->daddr;
  out->opcode = bth->opcode;
  out->qpn = bpf_ntohl(bth->qpn) & PSN_MASK;
  out->psn = bpf_ntohl(bth->psn) & PSN_MASK;
  out->bytes = bpf_ntohs(udp->len);
  out->syndrome = 0;
  __u8 *aeth = (void *)(bth + 1);
  if (bth->opcode == ACK && (void *)(aeth + 1) <= end)
    out->syndrome = *aeth;
  return 1;
}

SEC("tcx/ingress")
int count_queue_pairs(struct __sk_buff *skb) {
  struct roce roce;
  if (!parse((void *)(long)skb->data, (void *)(long)skb->data_end, &roce))
    return TCX_NEXT;
  struct queue_pair pair = {.address = roce.to, .qpn = roce.qpn};
  struct qp_count none = {};
  bpf_map_update_elem(&queue_pairs, &pair, &none, BPF_NOEXIST);
  struct qp_count *count = bpf_map_lookup_elem(&queue_pairs, &pair);
  if (!count)
    return TCX_NEXT;
  __sync_fetch_and_add(&count->packets, 1);
  __sync_fetch_and_add(&count->bytes, roce.bytes);
  if (roce.opcode == ACK)
    __sync_fetch_and_add(roce.syndrome >> 5 == NAK_KIND ? &count->naks : &count->acks, 1);
  return TCX_NEXT;
}

// Requests of reliable connections have numbers one after the other. (A READ takes as many as its
// answer has packets, which its request does not say: what follows it starts anew.)
SEC("tcx/ingress")
int watch_sequence(struct __sk_buff *skb) {
  struct roce roce;
  if (!parse((void *)(long)skb->data, (void *)(long)skb->data_end, &roce))
    return TCX_NEXT;
  int response = roce.opcode >= FIRST_RESPONSE && roce.opcode <= LAST_RESPONSE;
  if (roce.opcode > LAST_OF_RELIABLE || response)
    return TCX_NEXT;
  struct flow flow = {.from = roce.from, .qpn = roce.qpn};
  struct sequence *seen = bpf_map_lookup_elem(&sequences, &flow);
  if (roce.opcode == READ_REQUEST) {
    if (seen)
      seen->expected = ANYTHING;
    return TCX_NEXT;
  }
  if (!seen) {
    struct sequence first = {.expected = (roce.psn + 1) & PSN_MASK};
    bpf_map_update_elem(&sequences, &flow, &first, BPF_ANY);
    return TCX_NEXT;
  }
  __u32 ahead = seen->expected == ANYTHING ? 0 : (roce.psn - seen->expected) & PSN_MASK;
  if (ahead > PSN_MASK / 2) {
    seen->again++;
    return TCX_NEXT;
  }
  if (ahead > 0) {
    seen->gaps++;
    seen->lost += ahead;
  }
  seen->expected = (roce.psn + 1) & PSN_MASK;
  return TCX_NEXT;
}

// Loses one packet on purpose, to see what both sides do about it.
SEC("xdp")
int drop_psn(struct xdp_md *ctx) {
  struct roce roce;
  if (!parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &roce))
    return XDP_PASS;
  if (roce.opcode >= FIRST_RESPONSE && roce.opcode <= LAST_RESPONSE)
    return XDP_PASS;
  if (roce.psn != victim || drops_left == 0)
    return XDP_PASS;
  drops_left--;
  return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
