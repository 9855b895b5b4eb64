// SPDX-License-Identifier: MIT
/* An index is limited, but not to what the memory has. */
#include "common.h"

struct table {
  __u8 flags[64];
  __u32 ports[16];
};
MAP(ARRAY, tables, 4, __u32, struct table);
RINGBUF(events, 4096);
__u64 histogram[32];
__u64 started;

/* expect: cause=index-out-of-range fix=bounds-check */
SEC("xdp") int mask_too_wide(struct xdp_md *ctx)
{
  __u32 key = 0, queue = ctx->rx_queue_index & 31;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return XDP_PASS;
  table->ports[queue]++; // <- fault
  return XDP_PASS;
}

/* `<=` lets one more in. */
/* expect: cause=index-out-of-range fix=bounds-check */
SEC("tc") int off_by_one(struct __sk_buff *skb)
{
  __u32 key = 1, slot = skb->priority;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return TC_ACT_OK;
  if (slot <= 16)
    table->ports[slot] = skb->len; // <- fault
  return TC_ACT_OK;
}

/* The limit counts bytes, the array has words. */
/* expect: cause=index-out-of-range fix=bounds-check */
SEC("cgroup/bind4") int limit_in_bytes(struct bpf_sock_addr *ctx)
{
  __u32 key = 0, slot = ctx->user_port & 0xff;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return 1;
  if (slot >= sizeof(table->ports))
    return 1;
  return table->ports[slot] == 0; // <- fault
}

/* A byte of the packet may be up to 255. */
/* expect: cause=index-out-of-range fix=bounds-check */
SEC("xdp") int byte_as_index(struct xdp_md *ctx)
{
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;

  if (data + 24 > end)
    return XDP_PASS;
  histogram[data[23]]++; // <- fault
  return XDP_PASS;
}

/* The buckets of a latency histogram: log2 of 64 bits has 64 results. */
/* expect: cause=index-out-of-range fix=bounds-check */
static __always_inline __u32 log2_of(__u64 value)
{
  __u32 result = 0;

  for (int shift = 32; shift; shift >>= 1) {
    if (value >> shift) {
      value >>= shift;
      result += shift;
    }
  }
  return result;
}

SEC("fentry/do_nanosleep") int log2_bucket(__u64 *ctx)
{
  __u32 bucket = log2_of(bpf_ktime_get_ns() - started);

  barrier_var(bucket);
  histogram[bucket & 63]++; // <- fault
  return 0;
}

/* The function trusts its caller, who lets 200 through. */
/* expect: cause=index-out-of-range fix=bounds-check */
static __noinline int set_flag(struct table *table, __u32 at)
{
  table->flags[at] = 1; // <- fault
  return 0;
}

SEC("tc") int index_through_function(struct __sk_buff *skb)
{
  __u32 key = 2;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table || skb->mark > 200)
    return TC_ACT_OK;
  return set_flag(table, skb->mark);
}

/* Records of a ring buffer have a size, too. */
/* expect: cause=index-out-of-range fix=bounds-check */
SEC("kprobe/tcp_connect") int index_into_record(struct pt_regs *ctx)
{
  __u8 *record = bpf_ringbuf_reserve(&events, 16, 0);

  if (!record)
    return 0;
  record[ctx->di & 0x1f] = 1; // <- fault
  bpf_ringbuf_submit(record, 0);
  return 0;
}

LICENSE("GPL");
