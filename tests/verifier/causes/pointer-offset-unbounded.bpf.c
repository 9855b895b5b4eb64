// SPDX-License-Identifier: MIT
/* A number without a lower limit is added to a pointer. */
#include "common.h"

struct table {
  __s64 base;
  __u8 entries[64];
};
MAP(ARRAY, tables, 1, __u32, struct table);
MAP(ARRAY, offsets, 16, __u32, __s64);

/* Signed, and only checked against the upper end. */
/* expect: cause=pointer-offset-unbounded fix=bounds-check */
SEC("tc") int only_the_upper_end(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct table *table = bpf_map_lookup_elem(&tables, &key);
  __s64 at;

  if (!table)
    return TC_ACT_OK;
  at = table->base;
  if (at >= 64)
    return TC_ACT_OK;
  return table->entries[at]; // <- fault
}

/* A 64-bit number from a map, used as it is. */
/* expect: cause=pointer-offset-unbounded fix=bounds-check */
SEC("xdp") int any_number(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return XDP_PASS;
  table->entries[table->base] = 1; // <- fault
  return XDP_PASS;
}

/* The same with a packet: the check against data_end comes too late. */
/* expect: cause=pointer-offset-unbounded fix=mask */
SEC("xdp") int packet_offset_from_map(struct xdp_md *ctx)
{
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u32 key = ctx->rx_queue_index;
  __s64 *offset = bpf_map_lookup_elem(&offsets, &key);

  if (!offset)
    return XDP_PASS;
  data += *offset; // <- fault
  if (data + 4 > end)
    return XDP_PASS;
  return *data ? XDP_DROP : XDP_PASS;
}

/* expect: cause=pointer-offset-unbounded fix=bounds-check */
static __noinline int entry_of(struct table *table, __s64 at)
{
  return table->entries[at]; // <- fault
}

SEC("tc") int through_a_function(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return TC_ACT_OK;
  return entry_of(table, (__s64)bpf_ktime_get_ns() - table->base);
}

/* Time differences are 64 bits wide; shifting keeps the sign. */
/* expect: cause=pointer-offset-unbounded fix=bounds-check */
SEC("fentry/do_nanosleep") int time_as_index(__u64 *ctx)
{
  __u32 key = 0;
  struct table *table = bpf_map_lookup_elem(&tables, &key);
  __s64 slot;

  if (!table)
    return 0;
  slot = (__s64)(bpf_ktime_get_ns() - table->base);
  if (slot > 63)
    slot = 63;
  table->entries[slot]++; // <- fault
  return 0;
}

LICENSE("GPL");
