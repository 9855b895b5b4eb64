// SPDX-License-Identifier: MIT
/* A length may be zero where the helper takes no zero. */
#include "common.h"

struct buffer {
  __u32 used;
  __u8 bytes[256];
};
MAP(PERCPU_ARRAY, buffers, 1, __u32, struct buffer);

/* expect: cause=zero-length fix=bounds-check */
SEC("tc") int payload_may_be_empty(struct __sk_buff *skb)
{
  __u32 key = 0, length = skb->len & 255;
  struct buffer *buffer = bpf_map_lookup_elem(&buffers, &key);

  if (!buffer)
    return TC_ACT_OK;
  bpf_skb_load_bytes(skb, 0, buffer->bytes, length); // <- fault
  return TC_ACT_OK;
}

/* The upper end is checked, nothing else. */
/* expect: cause=zero-length fix=bounds-check */
SEC("xdp") int used_bytes_written_back(struct xdp_md *ctx)
{
  __u32 key = 0, used;
  struct buffer *buffer = bpf_map_lookup_elem(&buffers, &key);

  if (!buffer)
    return XDP_PASS;
  used = buffer->used;
  if (used > sizeof(buffer->bytes))
    return XDP_PASS;
  bpf_xdp_store_bytes(ctx, 14, buffer->bytes, used); // <- fault
  return XDP_PASS;
}

/* `end - start` of two positions that may be the same. */
/* expect: cause=zero-length fix=bounds-check */
SEC("tc") int difference_of_positions(struct __sk_buff *skb)
{
  __u32 key = 0, start = skb->cb[0] & 63, end = 64;
  struct buffer *buffer = bpf_map_lookup_elem(&buffers, &key);

  if (!buffer)
    return TC_ACT_OK;
  if (skb->cb[1])
    end = start;
  barrier_var(end);
  end &= 127;
  bpf_skb_store_bytes(skb, start, buffer->bytes, end, 0); // <- fault
  return TC_ACT_OK;
}

/* expect: cause=zero-length fix=bounds-check */
static __noinline long load(struct xdp_md *ctx, struct buffer *buffer, __u32 length)
{
  if (length >= sizeof(buffer->bytes))
    return -1;
  return bpf_xdp_load_bytes(ctx, 0, buffer->bytes, length); // <- fault
}

SEC("xdp") int through_a_function(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct buffer *buffer = bpf_map_lookup_elem(&buffers, &key);

  if (!buffer)
    return XDP_PASS;
  load(ctx, buffer, ctx->data_end - ctx->data);
  return XDP_PASS;
}

/* A constant: the compiler knows that it is zero, the author does not. */
/* expect: cause=zero-length fix=none */
SEC("tracepoint/sched/sched_process_exec") int constant_zero(void *ctx)
{
  char comm[16] = {};

  bpf_get_current_comm(comm, sizeof(comm) / sizeof(__u64[4])); // <- fault
  return comm[0];
}

LICENSE("GPL");
