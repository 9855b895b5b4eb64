// SPDX-License-Identifier: MIT
/* Pointers of these kinds may not be changed at all. */
#include "common.h"

struct table {
  __u64 entries[16];
};
MAP(ARRAY, tables, 2, __u32, struct table);
MAP(ARRAY, others, 2, __u32, struct table);

/* The end of the packet marks a place, nothing more. */
/* expect: cause=pointer-arithmetic fix=none */
SEC("xdp") int last_bytes_from_the_end(struct xdp_md *ctx)
{
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u8 *trailer = end - 4; // <- fault

  barrier_var(trailer);
  if (trailer < data)
    return XDP_PASS;
  return trailer[0] ? XDP_DROP : XDP_PASS;
}

/* A map is not an array of its values. */
/* expect: cause=pointer-arithmetic fix=none */
SEC("tc") int map_as_array(struct __sk_buff *skb)
{
  __u64 offset = skb->mark & 8;
  __u8 *map = (void *)&tables;

  barrier_var(map);
  map += offset; // <- fault
  barrier_var(map);
  return *map;
}

/* Choosing a map by adding to another one. */
/* expect: cause=pointer-arithmetic fix=none */
SEC("xdp") int next_map(struct xdp_md *ctx)
{
  __u32 key = 0;
  __u64 step = ctx->rx_queue_index & 16;
  __u8 *map = (void *)&others;

  barrier_var(map);
  map += step; // <- fault
  barrier_var(map);
  return bpf_map_lookup_elem(map, &key) ? XDP_PASS : XDP_DROP;
}

/* Sockets have fields, and no neighbours. */
/* expect: cause=pointer-arithmetic fix=none */
SEC("tc") int socket_plus_index(struct __sk_buff *skb)
{
  struct bpf_sock *sk = skb->sk;
  __u64 step = skb->mark & 4;

  if (!sk)
    return TC_ACT_OK;
  barrier_var(sk);
  sk = (void *)sk + step; // <- fault
  barrier_var(sk);
  return sk->family;
}

/* expect: cause=pointer-arithmetic fix=none */
static __noinline __u8 byte_before(__u8 *end, __u64 n)
{
  __u8 *at = end - n; // <- fault

  barrier_var(at);
  return *at;
}

SEC("tc") int end_in_a_function(struct __sk_buff *skb)
{
  return byte_before((void *)(long)skb->data_end, skb->mark & 3);
}

LICENSE("GPL");
