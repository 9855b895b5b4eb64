// SPDX-License-Identifier: MIT
/* A constant offset leads past memory of known size that is no map value. */
#include "common.h"

struct event {
  __u64 when;
  __u32 pid;
  char comm[16];
};
RINGBUF(events, 65536);

/* Reserved for a pointer, not for what it points to. */
/* expect: cause=memory-bounds fix=none */
SEC("tracepoint/sched/sched_process_exec") int size_of_the_pointer(void *ctx)
{
  struct event *event = bpf_ringbuf_reserve(&events, sizeof(event), 0);

  if (!event)
    return 0;
  event->when = bpf_ktime_get_ns();
  event->pid = bpf_get_current_pid_tgid() >> 32; // <- fault
  bpf_ringbuf_submit(event, 0);
  return 0;
}

/* A helper writes more than was reserved. */
/* expect: cause=memory-bounds fix=none */
SEC("kprobe/do_exit") int comm_into_a_short_record(struct pt_regs *ctx)
{
  char *record = bpf_ringbuf_reserve(&events, 8, 0);

  if (!record)
    return 0;
  bpf_get_current_comm(record, 16); // <- fault
  bpf_ringbuf_submit(record, 0);
  return 0;
}

/* The slice has 14 bytes, the IP header comes after it. */
/* expect: cause=memory-bounds fix=none */
SEC("tc") int behind_a_slice(struct __sk_buff *skb)
{
  struct bpf_dynptr packet;
  __u8 buffer[14], *data;

  bpf_dynptr_from_skb(skb, 0, &packet);
  data = bpf_dynptr_slice(&packet, 0, buffer, sizeof(buffer));
  if (!data)
    return TC_ACT_OK;
  return data[23] == 6 ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* A global function may use what its prototype says, no more. */
/* expect: cause=memory-bounds fix=none */
__noinline int second_word(__u32 *words)
{
  return words ? words[1] : 0; // <- fault
}

SEC("xdp") int past_the_argument(struct xdp_md *ctx)
{
  __u32 words[2] = { 1, ctx->rx_queue_index };

  return second_word(words) ? XDP_PASS : XDP_DROP;
}

LICENSE("GPL");
