// SPDX-License-Identifier: MIT
/* Nothing limits an index. */
#include "common.h"

struct table {
  __u32 ports[16];
  __u32 used;
};
MAP(ARRAY, tables, 4, __u32, struct table);
__u64 by_pid[64];
__u64 cursor;
__u32 weights[256];

/* expect: cause=index-unbounded fix=bounds-check */
SEC("xdp") int queue_as_index(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return XDP_PASS;
  table->ports[ctx->rx_queue_index]++; // <- fault
  return XDP_PASS;
}

/* The number of entries stands in the value itself. */
/* expect: cause=index-unbounded fix=bounds-check */
SEC("tc") int count_from_map(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return TC_ACT_OK;
  table->ports[table->used] = skb->len; // <- fault
  table->used++;
  return TC_ACT_OK;
}

/* There are more processes than counters. */
/* expect: cause=index-unbounded fix=bounds-check */
SEC("tp_btf/sched_switch") int pid_as_index(__u64 *ctx)
{
  __u64 *counter = by_pid + (bpf_get_current_pid_tgid() >> 32);

  (*counter)++; // <- fault
  return 0;
}

/* The low 32 bits are checked, all 64 are used. */
/* expect: cause=pointer-offset-unbounded fix=bounds-check */
SEC("fentry/do_nanosleep") int checks_half(__u64 *ctx)
{
  __u64 index = cursor;

  if ((__u32)index >= 256)
    return 0;
  weights[index] = 1; // <- fault
  return 0;
}

/* The check is of the variable in memory, which is read once more afterwards. */
/* expect: cause=index-unbounded fix=bounds-check */
SEC("tc") int checked_then_read_again(struct __sk_buff *skb)
{
  volatile __u32 *mark = &skb->mark;

  if (*mark >= 256)
    return TC_ACT_OK;
  return weights[*mark] ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* The compiler tests a copy: the index it uses lives in another register. */
/* expect: cause=index-unbounded fix=bounds-check why=lowering */
SEC("xdp") int compiler_tests_a_copy(struct xdp_md *ctx)
{
  __u32 index = ctx->rx_queue_index;
  __u32 tested = index;

  asm volatile("%0 = %1" : "=r"(tested) : "r"(index + 1));
  if (tested > 255)
    return XDP_PASS;
  return weights[index] ? XDP_PASS : XDP_DROP; // <- fault
}

LICENSE("GPL");
