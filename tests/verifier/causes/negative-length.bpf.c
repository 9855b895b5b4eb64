// SPDX-License-Identifier: MIT
/* A length, or an index, may be negative. */
#include "common.h"

struct line {
  int length;
  char text[256];
};
MAP(PERCPU_ARRAY, lines, 1, __u32, struct line);
RINGBUF(events, 65536);
struct marks {
  __u8 of_level[32];
};
MAP(ARRAY, all_marks, 1, __u32, struct marks);
int levels[32];

/* The result of a read may be an error: below zero. */
/* expect: cause=negative-length fix=bounds-check */
SEC("tracepoint/syscalls/sys_enter_execve") int length_of_a_read(__u64 *ctx)
{
  __u32 key = 0;
  struct line *line = bpf_map_lookup_elem(&lines, &key);
  long length;

  if (!line)
    return 0;
  length = bpf_probe_read_user_str(line->text, 128, (void *)ctx[2]);
  if (length > 128)
    return 0;
  bpf_ringbuf_output(&events, line->text, length, 0); // <- fault
  return 0;
}

/* A signed length in a map: only the upper end is checked. */
/* expect: cause=negative-length fix=bounds-check */
SEC("kprobe/vfs_write") int signed_length_in_map(struct pt_regs *ctx)
{
  __u32 key = 0;
  struct line *line = bpf_map_lookup_elem(&lines, &key);
  int length;

  if (!line)
    return 0;
  length = line->length;
  if (length > 256)
    length = 256;
  bpf_probe_read_kernel(line->text, length, (void *)ctx->si); // <- fault
  return 0;
}

/* expect: cause=negative-length fix=bounds-check */
static __noinline long copy(struct line *line, int length, void *from)
{
  if (length >= 256)
    return 0;
  return bpf_probe_read_user(line->text, length, from); // <- fault
}

SEC("uprobe//bin/bash:readline") int length_through_function(struct pt_regs *ctx)
{
  __u32 key = 0;
  struct line *line = bpf_map_lookup_elem(&lines, &key);

  if (!line)
    return 0;
  return copy(line, (int)ctx->dx, (void *)ctx->si);
}

/* What is left after the header: less than nothing if the header is longer. */
/* expect: cause=negative-length fix=bounds-check */
SEC("tc") int payload_length(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct line *line = bpf_map_lookup_elem(&lines, &key);
  int length;

  if (!line)
    return TC_ACT_OK;
  length = (int)(skb->len & 0xff) - 54;
  if (length == 0)
    return TC_ACT_OK;
  bpf_skb_load_bytes(skb, 54, line->text, length); // <- fault
  return TC_ACT_OK;
}

/* One less than a number that may be zero. */
/* expect: cause=negative-length fix=bounds-check */
static __noinline int raise(struct marks *marks, __s64 level)
{
  marks->of_level[level]++; // <- fault
  return 0;
}

SEC("xdp") int signed_index(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct marks *marks = bpf_map_lookup_elem(&all_marks, &key);

  if (marks)
    raise(marks, (__s64)(ctx->rx_queue_index & 31) - 1);
  return XDP_PASS;
}

/* The level before this one: there is none before the first. */
/* expect: cause=index-out-of-range fix=bounds-check */
SEC("xdp") int one_before(struct xdp_md *ctx)
{
  __u32 level = ctx->rx_queue_index & 31;

  return levels[(__s64)level - 1] ? XDP_PASS : XDP_DROP; // <- fault
}

/* The loop runs down, and one too far. */
/* expect: cause=index-out-of-range fix=bounds-check */
SEC("tc") int loop_down(struct __sk_buff *skb)
{
  int sum = 0;

  for (__s64 i = 7; i >= -1; i--) {
    barrier_var(i);
    if (i > 7)
      break;
    if (i < -1)
      break;
    sum += levels[i]; // <- fault
  }
  return sum ? TC_ACT_SHOT : TC_ACT_OK;
}

LICENSE("GPL");
