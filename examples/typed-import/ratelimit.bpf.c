// SPDX-License-Identifier: MIT
// Drops the IPv4 packets of a source after a number of them, and says so once per source. Small, but
// with one of everything a declaration has: settings, kinds of maps, records, two program types.
#include <beeyard/bpf.h>
#include <beeyard/net.h>

enum reason { ALLOWED, OVER_LIMIT, BLOCKED };

struct source {
  __u64 packets;
  __u64 dropped;
  enum reason last;
};

struct prefix {
  __u32 length;
  __u8 address[4];
};

struct event {
  __u32 address;
  enum reason reason;
  char name[16];
};

/* Packets a source may send. */
const volatile __u64 limit = 100;
const volatile struct {
  _Bool report;
  char name[16];
} settings = {.report = 1, .name = "ratelimit"};

__u64 dropped;

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct source);
} seen SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 64);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix);
  __type(value, __u32);
} blocked SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 3);
  __type(key, enum reason);
  __type(value, __u64);
} reasons SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

/* Keeps the struct in the object's types, so that records can be read by its name. */
const struct event *event_type;

static __always_inline enum reason judge(__u32 address, struct source *source) {
  struct prefix prefix = {.length = 32};
  memcpy(prefix.address, &address, 4);
  if (bpf_map_lookup_elem(&blocked, &prefix))
    return BLOCKED;
  return source->packets > limit ? OVER_LIMIT : ALLOWED;
}

static __always_inline void report(__u32 address, enum reason reason) {
  struct event *event = settings.report ? bpf_ringbuf_reserve(&events, sizeof(*event), 0) : NULL;
  if (!event)
    return;
  event->address = address;
  event->reason = reason;
  for (int i = 0; i < 16; i++)
    event->name[i] = settings.name[i];
  bpf_ringbuf_submit(event, 0);
}

SEC("xdp")
int ratelimit(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return XDP_PASS;
  __u32 address = ip->saddr;
  struct source *source = bpf_map_lookup_elem(&seen, &address);
  if (!source) {
    struct source fresh = {};
    bpf_map_update_elem(&seen, &address, &fresh, BPF_ANY);
    source = bpf_map_lookup_elem(&seen, &address);
    if (!source)
      return XDP_ABORTED;
  }
  source->packets++;
  enum reason reason = judge(address, source);
  __u64 *count = bpf_map_lookup_elem(&reasons, &reason);
  if (count)
    (*count)++;
  if (reason != ALLOWED) {
    dropped++;
    source->dropped++;
    if (source->last == ALLOWED)
      report(address, reason);
  }
  source->last = reason;
  return reason == ALLOWED ? XDP_PASS : XDP_DROP;
}

/* Lets out what is not to a blocked address. */
SEC("tc")
int outgoing(struct __sk_buff *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct iphdr *ip = data + sizeof(struct ethhdr);
  if ((void *)(ip + 1) > end || ctx->protocol != bpf_htons(ETH_P_IP))
    return 0;
  struct prefix prefix = {.length = 32};
  memcpy(prefix.address, &ip->daddr, 4);
  return bpf_map_lookup_elem(&blocked, &prefix) ? 2 : 0;
}

LICENSE("GPL");
