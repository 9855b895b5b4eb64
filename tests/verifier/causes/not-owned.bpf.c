// SPDX-License-Identifier: MIT
/* Something is released that is not owned. */
#include "common.h"

RINGBUF(events, 65536);

/* Submitted, and then discarded as well. */
/* expect: cause=scalar-dereference fix=none */
SEC("kprobe/do_exit") int written_after_submit(struct pt_regs *ctx)
{
  __u64 *event = bpf_ringbuf_reserve(&events, 8, 0);

  if (!event)
    return 0;
  bpf_ringbuf_submit(event, 0); // <- blame
  *event = 7; // <- fault
  return 0;
}

/* The current task was not acquired. */
/* expect: cause=not-owned fix=acquire */
SEC("tp_btf/task_newtask") int releases_an_argument(__u64 *ctx)
{
  struct task_struct *task = (void *)ctx[0];

  bpf_task_release(task); // <- fault
  return 0;
}

/* expect: cause=not-owned fix=none */
SEC("tc") int releases_the_skbs_socket(struct __sk_buff *skb)
{
  struct bpf_sock *sk = skb->sk;

  if (!sk)
    return TC_ACT_OK;
  sk = bpf_sk_fullsock(sk);
  if (!sk)
    return TC_ACT_OK;
  bpf_sk_release(sk); // <- fault
  return TC_ACT_OK;
}

/* The function releases what its caller releases once more. */
/* expect: cause=not-owned fix=none */
static __noinline void done(struct bpf_cpumask *mask)
{
  bpf_cpumask_release(mask); // <- blame
}

SEC("tp_btf/cgroup_mkdir") int released_twice(__u64 *ctx)
{
  struct bpf_cpumask *mask = bpf_cpumask_create();

  if (!mask)
    return 0;
  done(mask);
  bpf_cpumask_release(mask); // <- fault
  return 0;
}

/* A release wants the pointer as it was given. */
/* expect: cause=modified-context fix=none */
SEC("fentry/do_nanosleep") int submits_the_middle(__u64 *ctx)
{
  __u64 *event = bpf_ringbuf_reserve(&events, 16, 0);

  if (!event)
    return 0;
  *event++ = bpf_ktime_get_ns(); // <- blame
  barrier_var(event);
  bpf_ringbuf_submit(event, 0); // <- fault
  return 0;
}

LICENSE("GPL");
