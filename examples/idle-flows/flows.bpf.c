// SPDX-License-Identifier: MIT
/* Flows that end by themselves: a timer in each entry of the table.
 *
 * The first packet of a TCP or UDP flow (IPv4) makes an entry, every packet counts and starts the
 * entry's timer anew. When nothing came for `idle` nanoseconds the timer's callback tells the flow
 * through a ring buffer and deletes its entry, timer and all. Written for beeyard; it loads on Linux
 * 5.15 and later as it is. */
#include <beeyard/net.h>
#include <beeyard/timers.h>

LICENSE("GPL");

const volatile __u64 idle = 1000000000;

struct flow {
  __be32 source;
  __be32 destination;
  __be16 source_port;
  __be16 destination_port;
  __u32 protocol;
};

struct entry {
  __u64 first;
  __u64 last;
  __u64 packets;
  __u64 bytes;
  struct bpf_timer timer;
};

/* What the ring buffer gives. */
struct ended {
  struct flow flow;
  __u64 first;
  __u64 last;
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, struct flow);
  __type(value, struct entry);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 22);
} ended SEC(".maps");

/* Keeps `struct ended` in the object's types. */
const struct ended *ended_type SEC(".bss.types") __attribute__((unused));

/* Flows that found no room in the table. */
__u64 untracked;

static int is_idle(void *map, struct flow *flow, struct entry *entry) {
  struct ended *record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
  if (record) {
    record->flow = *flow;
    record->first = entry->first;
    record->last = entry->last;
    record->packets = entry->packets;
    record->bytes = entry->bytes;
    bpf_ringbuf_submit(record, 0);
  }
  bpf_map_delete_elem(map, flow);
  return 0;
}

static __always_inline struct entry *entry_of(struct flow *flow, __u64 now) {
  struct entry *entry = bpf_map_lookup_elem(&flows, flow);
  struct entry fresh = {.first = now};
  if (entry) return entry;
  bpf_map_update_elem(&flows, flow, &fresh, BPF_NOEXIST);
  entry = bpf_map_lookup_elem(&flows, flow);
  if (!entry) return NULL;
  /* Another CPU may have been faster: then there is a timer already (-EBUSY). */
  if (bpf_timer_init(&entry->timer, &flows, CLOCK_MONOTONIC) == 0)
    bpf_timer_set_callback(&entry->timer, is_idle);
  return entry;
}

SEC("xdp")
int track(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct {
    __be16 source;
    __be16 destination;
  } *ports = (void *)(ip + 1);
  if ((void *)(ports + 1) > end) return XDP_PASS;
  if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5) return XDP_PASS;
  if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) return XDP_PASS;
  struct flow flow = {
      .source = ip->saddr,
      .destination = ip->daddr,
      .source_port = ports->source,
      .destination_port = ports->destination,
      .protocol = ip->protocol,
  };
  __u64 now = bpf_ktime_get_ns();
  struct entry *entry = entry_of(&flow, now);
  if (!entry) {
    __sync_fetch_and_add(&untracked, 1);
    return XDP_PASS;
  }
  __sync_fetch_and_add(&entry->packets, 1);
  __sync_fetch_and_add(&entry->bytes, end - data);
  entry->last = now;
  bpf_timer_start(&entry->timer, idle, 0);
  return XDP_PASS;
}
