// SPDX-License-Identifier: MIT
/* Something acquired is not released on a path. */
#include "common.h"

struct event {
  __u64 when;
  __u32 pid;
};
RINGBUF(events, 65536);
MAP(HASH, ignored, 64, __u32, __u8);

/* expect: cause=reference-leak fix=release */
SEC("tracepoint/sched/sched_process_exec") int early_return(void *ctx)
{
  struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0); // <- blame

  if (!event)
    return 0;
  event->pid = bpf_get_current_pid_tgid() >> 32;
  if (bpf_map_lookup_elem(&ignored, &event->pid))
    return 0; // <- fault
  event->when = bpf_ktime_get_ns();
  bpf_ringbuf_submit(event, 0);
  return 0;
}

/* Never released at all. */
/* expect: cause=reference-leak fix=release */
SEC("tc") int socket_kept(struct __sk_buff *skb)
{
  struct bpf_sock_tuple tuple = {};
  struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0); // <- blame

  return sk ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* Looking into it is no release. */
/* expect: cause=reference-leak fix=release */
SEC("tp_btf/task_newtask") int task_kept(__u64 *ctx)
{
  struct task_struct *parent = bpf_task_from_pid(1); // <- blame

  if (!parent)
    return 0;
  bpf_printk("init is %d", parent->tgid);
  return 0; // <- fault
}

/* The second round forgets what the first one got. */
/* expect: cause=reference-leak fix=release */
SEC("kprobe/do_exit") int lost_in_a_loop(struct pt_regs *ctx)
{
  struct event *event = NULL;

  for (int i = 0; i < 2; i++) {
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0); // <- blame
    if (!event)
      return 0; // <- fault
    event->pid = i;
  }
  bpf_ringbuf_discard(event, 0);
  return 0;
}

/* The function that should submit it does so only sometimes. */
/* expect: cause=reference-leak fix=release */
static __noinline int send(struct event *event, __u32 pid)
{
  if (pid == 1)
    return 1;
  event->pid = pid;
  bpf_ringbuf_submit(event, 0);
  return 0;
}

SEC("fentry/do_nanosleep") int released_in_a_function(__u64 *ctx)
{
  struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0); // <- blame

  if (!event)
    return 0;
  send(event, bpf_get_current_pid_tgid() >> 32);
  return 0; // <- fault
}

/* A dynptr must be submitted or discarded, even if nothing could be reserved. */
/* expect: cause=reference-leak fix=release */
SEC("kprobe/vfs_read") int dynptr_kept_on_error(struct pt_regs *ctx)
{
  struct bpf_dynptr record;
  __u64 now = bpf_ktime_get_ns();

  if (bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record)) // <- blame
    return 0; // <- fault
  bpf_dynptr_write(&record, 0, &now, sizeof(now), 0);
  bpf_ringbuf_submit_dynptr(&record, 0);
  return 0;
}

/* Iterators are destroyed, also on the way out of the middle. */
/* expect: cause=reference-leak fix=release */
SEC("tc") int iterator_left(struct __sk_buff *skb)
{
  struct bpf_iter_num it;
  int *i;

  bpf_iter_num_new(&it, 0, 16); // <- blame
  while ((i = bpf_iter_num_next(&it))) {
    if (skb->mark == *i)
      return TC_ACT_SHOT; // <- fault
  }
  bpf_iter_num_destroy(&it);
  return TC_ACT_OK;
}

/* expect: cause=reference-leak fix=release */
SEC("tp_btf/cgroup_mkdir") int mask_not_freed(__u64 *ctx)
{
  struct bpf_cpumask *mask = bpf_cpumask_create(); // <- blame

  if (!mask)
    return 0;
  bpf_cpumask_set_cpu(0, mask);
  return 0; // <- fault
}

LICENSE("GPL");
