// SPDX-License-Identifier: MIT
/* A dynptr or iterator in the wrong state. */
#include "common.h"

RINGBUF(events, 65536);

/* expect: cause=dynptr-or-iterator-protocol fix=none */
SEC("kprobe/do_exit") int dynptr_never_made(struct pt_regs *ctx)
{
  struct bpf_dynptr record;
  __u64 now = bpf_ktime_get_ns();

  bpf_dynptr_write(&record, 0, &now, sizeof(now), 0); // <- fault
  return 0;
}

/* Reserved twice: the first record would be lost. */
/* expect: cause=dynptr-or-iterator-protocol fix=none */
SEC("kprobe/vfs_read") int reserved_twice(struct pt_regs *ctx)
{
  struct bpf_dynptr record;

  bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
  bpf_ringbuf_reserve_dynptr(&events, 16, 0, &record); // <- fault
  bpf_ringbuf_submit_dynptr(&record, 0);
  return 0;
}

/* Used once more after it was given away. */
/* expect: cause=dynptr-or-iterator-protocol fix=none */
SEC("tracepoint/sched/sched_process_exec") int written_after_submit(void *ctx)
{
  struct bpf_dynptr record;
  __u64 now = bpf_ktime_get_ns();

  bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
  bpf_ringbuf_submit_dynptr(&record, 0);
  bpf_dynptr_write(&record, 0, &now, sizeof(now), 0); // <- fault
  return 0;
}

/* The loop begins without `new`. */
/* expect: cause=dynptr-or-iterator-protocol fix=none */
SEC("tc") int next_without_new(struct __sk_buff *skb)
{
  struct bpf_iter_num it;
  int *i, sum = 0;

  while ((i = bpf_iter_num_next(&it))) // <- fault
    sum += *i;
  bpf_iter_num_destroy(&it);
  return sum;
}

/* expect: cause=dynptr-or-iterator-protocol fix=none */
SEC("xdp") int destroyed_twice(struct xdp_md *ctx)
{
  struct bpf_iter_num it;

  bpf_iter_num_new(&it, 0, 3);
  bpf_iter_num_next(&it);
  bpf_iter_num_destroy(&it);
  bpf_iter_num_destroy(&it); // <- fault
  return XDP_PASS;
}

/* A dynptr of a packet is no record of a ring buffer. */
/* expect: cause=dynptr-or-iterator-protocol fix=none */
SEC("tc") int submits_the_packet(struct __sk_buff *skb)
{
  struct bpf_dynptr packet;

  bpf_dynptr_from_skb(skb, 0, &packet);
  bpf_ringbuf_submit_dynptr(&packet, 0); // <- fault
  return TC_ACT_OK;
}

/* The function gets a dynptr on its caller's stack that nobody has made. */
/* expect: cause=dynptr-or-iterator-protocol fix=none */
static __noinline long first_word(struct bpf_dynptr *data)
{
  __u32 word = 0;

  bpf_dynptr_read(&word, sizeof(word), data, 0, 0); // <- fault
  return word;
}

SEC("xdp") int dynptr_through_function(struct xdp_md *ctx)
{
  struct bpf_dynptr packet = {};

  return first_word(&packet) ? XDP_PASS : XDP_DROP;
}

LICENSE("GPL");
