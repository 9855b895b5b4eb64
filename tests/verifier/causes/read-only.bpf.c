// SPDX-License-Identifier: MIT
/* Memory is written that may only be read. */
#include "common.h"

const volatile __u32 limit = 7;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __type(key, __u32);
  __type(value, __u64);
} settings SEC(".maps");

/* A constant of the program. */
/* expect: cause=read-only fix=none */
SEC("xdp") int changes_a_constant(struct xdp_md *ctx)
{
  *(volatile __u32 *)&limit = ctx->rx_queue_index; // <- fault
  return XDP_PASS;
}

/* expect: cause=read-only fix=none */
SEC("tc") int changes_settings(struct __sk_buff *skb)
{
  __u32 key = 0;
  __u64 *value = bpf_map_lookup_elem(&settings, &key);

  if (!value)
    return TC_ACT_OK;
  *value = skb->len; // <- fault
  return TC_ACT_OK;
}

/* Packets in cgroups are only looked at. */
/* expect: cause=read-only fix=none */
SEC("cgroup_skb/ingress") int changes_a_packet(struct __sk_buff *skb)
{
  __u8 *data = (void *)(long)skb->data;
  __u8 *end = (void *)(long)skb->data_end;

  if (data + 1 > end)
    return 1;
  data[0] = 0; // <- fault
  return 1;
}

/* The value of an element an iterator shows. */
/* expect: cause=read-only fix=none */
SEC("tc") int slice_of_a_packet(struct __sk_buff *skb)
{
  struct bpf_dynptr packet;
  __u8 *data;

  bpf_dynptr_from_skb(skb, 0, &packet);
  data = bpf_dynptr_slice(&packet, 0, NULL, 14);
  if (!data)
    return TC_ACT_OK;
  data[0] = 1; // <- fault
  return TC_ACT_OK;
}

LICENSE("GPL");
