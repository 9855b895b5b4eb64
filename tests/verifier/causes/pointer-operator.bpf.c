// SPDX-License-Identifier: MIT
/* Only 64-bit additions and subtractions are possible on pointers. */
#include "common.h"

struct value {
  __u32 counts[64];
};
MAP(ARRAY, values, 1, __u32, struct value);

/* Alignment by masking the address. */
/* expect: cause=pointer-operator fix=none */
SEC("xdp") int align_address(struct xdp_md *ctx)
{
  __u64 at = (__u64)(ctx->data);
  __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

  barrier_var(data);
  at = (__u64)data & ~3ULL; // <- fault
  data = (void *)at;
  if (data + 4 > end)
    return XDP_PASS;
  return *data ? XDP_DROP : XDP_PASS;
}

/* A hash of the address. */
/* expect: cause=pointer-operator fix=none */
SEC("tc") int hash_of_address(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct value *value = bpf_map_lookup_elem(&values, &key);
  __u64 hash;

  if (!value)
    return TC_ACT_OK;
  hash = (__u64)value >> 4; // <- fault
  barrier_var(hash);
  return (hash & 1) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* expect: cause=pointer-operator fix=none */
SEC("kprobe/do_exit") int tag_in_low_bit(struct pt_regs *ctx)
{
  __u32 key = 0;
  struct value *value = bpf_map_lookup_elem(&values, &key);
  __u64 tagged;

  if (!value)
    return 0;
  tagged = (__u64)value | 1; // <- fault
  barrier_var(tagged);
  value = (void *)(tagged & ~1ULL);
  value->counts[0]++;
  return 0;
}

/* 32-bit arithmetic on a pointer: what a type of 32 bits makes of it. */
/* expect: cause=pointer-operator fix=none */
SEC("xdp") int arithmetic_in_32_bits(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct value *value = bpf_map_lookup_elem(&values, &key);
  __u64 at;

  if (!value)
    return XDP_PASS;
  at = (__u64)value;
  asm volatile("r7 = %0; w7 += 4; %0 = r7" : "+r"(at) : : "r7"); // <- fault
  return *(__u32 *)at ? XDP_DROP : XDP_PASS;
}

/* Two addresses are added: one is an offset only in the author's mind. */
/* expect: cause=pointer-operator fix=none */
SEC("tc") int sum_of_pointers(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct value *value = bpf_map_lookup_elem(&values, &key);
  __u64 data = (__u64)(void *)(long)skb->data;
  __u64 sum;

  if (!value)
    return TC_ACT_OK;
  barrier_var(data);
  sum = (__u64)value + data; // <- fault
  barrier_var(sum);
  return *(__u8 *)sum;
}

LICENSE("GPL");
