// SPDX-License-Identifier: MIT
/* A pointer is moved by 512 MiB and more. */
#include "common.h"

struct table {
  __u64 entries[64];
};
MAP(ARRAY, tables, 1, __u32, struct table);
struct unit {
  __u8 bytes[1 << 16];
};

/* An identifier is taken for an index. */
/* expect: cause=pointer-offset-too-large fix=none */
SEC("xdp") int identifier_as_index(struct xdp_md *ctx)
{
  __u32 key = 0;
  __u64 magic = 0xcafebabe;
  struct table *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return XDP_PASS;
  barrier_var(magic);
  return table->entries[magic] ? XDP_PASS : XDP_DROP; // <- fault
}

/* INT_MAX as "no index" was not sorted out. */
/* expect: cause=pointer-offset-too-large fix=none */
SEC("tc") int sentinel_as_offset(struct __sk_buff *skb)
{
  __u32 key = 0;
  __u64 none = 0x7fffffff;
  __u8 *table = bpf_map_lookup_elem(&tables, &key);

  if (!table)
    return TC_ACT_OK;
  barrier_var(none);
  return table[none]; // <- fault
}

/* An address is computed from the start of what the author takes for one large array. */
/* expect: cause=pointer-offset-too-large fix=none */
static __noinline int byte_of(struct unit *units, __u64 n)
{
  return units[n].bytes[0]; // <- fault
}

SEC("tc") int large_stride(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct unit *units = bpf_map_lookup_elem(&tables, &key);

  if (!units)
    return TC_ACT_OK;
  return byte_of(units, 1 << 16);
}

/* Steps of 256 MiB: the sum is too large. */
/* expect: cause=pointer-offset-too-large fix=none */
SEC("xdp") int steps_add_up(struct xdp_md *ctx)
{
  __u32 key = 0;
  __u8 *at = bpf_map_lookup_elem(&tables, &key);

  if (!at)
    return XDP_PASS;
  for (int i = 0; i < 4; i++) {
    __u64 step = 1 << 28;

    barrier_var(step);
    at += step; // <- fault
    barrier_var(at);
  }
  return *at ? XDP_DROP : XDP_PASS;
}

LICENSE("GPL");
