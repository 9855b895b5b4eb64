// SPDX-License-Identifier: MIT
/* A constant offset leads past the value, or the key, of a map. */
#include "common.h"

struct old_stats {
  __u64 packets;
  __u64 bytes;
};
struct stats {
  __u64 packets;
  __u64 bytes;
  __u64 dropped;
};
struct name {
  char text[12];
};
MAP(ARRAY, totals, 1, __u32, struct old_stats);
MAP(HASH, names, 64, __u32, struct name);
MAP(HASH, flows, 64, __u64, __u64);

/* The struct has grown, the map has not. */
/* expect: cause=map-value-bounds fix=none */
SEC("xdp") int struct_has_grown(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct stats *stats = bpf_map_lookup_elem(&totals, &key);

  if (!stats)
    return XDP_PASS;
  stats->packets++;
  stats->dropped++; // <- fault
  return XDP_DROP;
}

/* A helper writes 16 bytes into 12. */
/* expect: cause=map-value-bounds fix=none */
SEC("tracepoint/sched/sched_process_exec") int comm_into_short_value(void *ctx)
{
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct name *name = bpf_map_lookup_elem(&names, &pid);

  if (!name)
    return 0;
  bpf_get_current_comm(name->text, 16); // <- fault
  return 0;
}

/* expect: cause=map-value-bounds fix=none */
SEC("tc") int loop_one_too_far(struct __sk_buff *skb)
{
  __u32 key = skb->ifindex;
  struct name *name = bpf_map_lookup_elem(&names, &key);
  int sum = 0;

  if (!name)
    return TC_ACT_OK;
#pragma clang loop unroll(full)
  for (int i = 0; i <= 12; i++)
    sum += *(volatile char *)&name->text[i]; // <- fault
  return sum ? TC_ACT_SHOT : TC_ACT_OK;
}

/* One before the value. */
/* expect: cause=map-value-bounds fix=none */
static __noinline __u64 previous(__u64 *counter)
{
  return counter[-1]; // <- fault
}

SEC("xdp") int before_the_value(struct xdp_md *ctx)
{
  __u32 key = 0;
  __u64 *counter = bpf_map_lookup_elem(&totals, &key);

  if (!counter)
    return XDP_PASS;
  return previous(counter) ? XDP_PASS : XDP_DROP;
}

/* The key of the other map has 8 bytes, this has 4 of a value that has 16. */
/* expect: cause=map-value-bounds fix=none */
SEC("tc") int value_as_key_too_short(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct old_stats *stats = bpf_map_lookup_elem(&totals, &key);

  if (!stats)
    return TC_ACT_OK;
  bpf_map_delete_elem(&flows, (void *)&stats->bytes + 4); // <- fault
  return TC_ACT_OK;
}

LICENSE("GPL");
