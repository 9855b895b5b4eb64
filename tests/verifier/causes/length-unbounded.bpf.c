// SPDX-License-Identifier: MIT
/* A length given to a helper is not limited by the buffer. */
#include "common.h"

struct buffer {
  __u32 used;
  __u8 bytes[128];
};
MAP(PERCPU_ARRAY, buffers, 1, __u32, struct buffer);
RINGBUF(events, 65536);

/* As long as the packet. */
/* expect: cause=length-unbounded fix=bounds-check */
SEC("tc") int whole_packet(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct buffer *buffer = bpf_map_lookup_elem(&buffers, &key);

  if (!buffer || skb->len == 0)
    return TC_ACT_OK;
  bpf_skb_load_bytes(skb, 0, buffer->bytes, skb->len); // <- fault
  return TC_ACT_OK;
}

/* Twice the buffer. */
/* expect: cause=length-unbounded fix=bounds-check */
SEC("kprobe/vfs_write") int limit_of_another_buffer(struct pt_regs *ctx)
{
  char text[64] = {};
  __u32 length = ctx->dx;

  if (length > 128)
    length = 128;
  bpf_probe_read_user(text, length, (void *)ctx->si); // <- fault
  return text[0];
}

/* expect: cause=length-unbounded fix=bounds-check */
static __noinline long send(struct buffer *buffer, __u64 length)
{
  return bpf_ringbuf_output(&events, buffer->bytes, length, 0); // <- fault
}

SEC("tc") int through_a_function(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct buffer *buffer = bpf_map_lookup_elem(&buffers, &key);

  if (buffer)
    send(buffer, buffer->used);
  return TC_ACT_OK;
}

/* The path's name says how long it is. */
/* expect: cause=length-unbounded fix=bounds-check */
SEC("tracepoint/syscalls/sys_enter_write") int count_of_the_call(__u64 *ctx)
{
  char text[32] = {};
  __u64 count = ctx[4];

  bpf_probe_read_user(text, count, (void *)ctx[3]); // <- fault
  return text[1];
}

LICENSE("GPL");
