// SPDX-License-Identifier: MIT
/* A pointer that may be NULL is used without a check. */
#include "common.h"

struct counter {
  __u64 count;
  __u64 bytes;
};
MAP(HASH, counters, 1024, __u32, struct counter);
MAP(PERCPU_ARRAY, scratch, 1, __u32, struct counter);
RINGBUF(events, 65536);
STORAGE(TASK_STORAGE, started, __u64);

/* expect: cause=null-check-missing fix=null-check */
SEC("xdp") int lookup_unchecked(struct xdp_md *ctx)
{
  __u32 key = ctx->ingress_ifindex;
  struct counter *counter = bpf_map_lookup_elem(&counters, &key);

  counter->count++; // <- fault
  return XDP_PASS;
}

/* An array always has element 0, but the verifier does not look. */
/* expect: cause=null-check-missing fix=null-check */
SEC("tc") int scratch_unchecked(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct counter *scratch_space = bpf_map_lookup_elem(&scratch, &key);

  scratch_space->bytes += skb->len; // <- fault
  return TC_ACT_OK;
}

/* The first lookup is checked, the second is not. */
/* expect: cause=null-check-missing fix=null-check */
SEC("tc") int checks_the_other(struct __sk_buff *skb)
{
  __u32 from = skb->ingress_ifindex, to = skb->ifindex;
  struct counter *in = bpf_map_lookup_elem(&counters, &from);
  struct counter *out;

  if (!in)
    return TC_ACT_OK;
  out = bpf_map_lookup_elem(&counters, &to);
  in->count++;
  out->count++; // <- fault
  return TC_ACT_OK;
}

/* Inserted just now, and still it may be NULL: another CPU may have deleted it. */
/* expect: cause=null-check-missing fix=null-check */
SEC("xdp") int insert_and_look_again(struct xdp_md *ctx)
{
  __u32 key = ctx->rx_queue_index;
  struct counter *counter = bpf_map_lookup_elem(&counters, &key);

  if (!counter) {
    struct counter fresh = {};

    bpf_map_update_elem(&counters, &key, &fresh, BPF_NOEXIST);
    counter = bpf_map_lookup_elem(&counters, &key);
  }
  counter->bytes += 1; // <- fault
  return XDP_PASS;
}

/* expect: cause=null-check-missing fix=null-check */
SEC("tracepoint/sched/sched_process_fork") int reserve_unchecked(void *ctx)
{
  struct counter *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

  event->count = bpf_ktime_get_ns(); // <- fault
  bpf_ringbuf_submit(event, 0);
  return 0;
}

/* The check is in a function that only logs. */
/* expect: cause=null-check-missing fix=null-check */
static __noinline int complain(struct counter *counter)
{
  if (!counter)
    bpf_printk("no counter");
  return 0;
}

SEC("kprobe/tcp_v4_connect") int check_only_complains(struct pt_regs *ctx)
{
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct counter *counter = bpf_map_lookup_elem(&counters, &pid);

  complain(counter);
  counter->count++; // <- fault
  return 0;
}

/* A field of a pointer that may be NULL is given to a helper. */
/* expect: cause=null-check-missing fix=null-check */
SEC("tc") int given_to_a_helper(struct __sk_buff *skb)
{
  __u32 key = skb->hash;
  struct counter *counter = bpf_map_lookup_elem(&counters, &key);

  bpf_map_update_elem(&scratch, &key, counter, BPF_ANY); // <- fault
  return TC_ACT_OK;
}

/* expect: cause=null-check-missing fix=null-check */
SEC("tp_btf/sched_switch") int storage_unchecked(__u64 *ctx)
{
  struct task_struct *next = (void *)ctx[2];
  __u64 *since = bpf_task_storage_get(&started, next, NULL, 1);

  *since = bpf_ktime_get_ns(); // <- fault
  return 0;
}

/* expect: cause=null-check-missing fix=null-check */
SEC("tc") int socket_unchecked(struct __sk_buff *skb)
{
  struct bpf_sock_tuple tuple = {};
  struct bpf_sock *sk;

  tuple.ipv4.dport = bpf_htons(443);
  sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
  skb->mark = sk->mark; // <- fault
  bpf_sk_release(sk);
  return TC_ACT_OK;
}

/* The loop stops at the first hit, or has none. */
/* expect: cause=null-check-missing fix=null-check */
SEC("xdp") int loop_without_a_hit(struct xdp_md *ctx)
{
  struct counter *counter = NULL;

  for (__u32 i = 0; i < 4; i++) {
    __u32 key = i;

    counter = bpf_map_lookup_elem(&counters, &key);
    if (counter)
      break;
  }
  barrier_var(counter);
  counter->count++; // <- fault
  return XDP_PASS;
}

/* The iterator's last call has no object. */
/* expect: cause=null-check-missing fix=null-check */
SEC("iter/task") int end_of_iteration(struct bpf_iter__task *ctx)
{
  struct task_struct *task = ctx->task;
  __u64 pid = task->pid; // <- fault

  bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
  return 0;
}

/* expect: cause=null-check-missing fix=null-check */
SEC("tp_btf/task_newtask") int kfunc_result_unchecked(__u64 *ctx)
{
  struct task_struct *init = bpf_task_from_pid(1);

  bpf_task_release(init); // <- fault
  return 0;
}

/* The check comes after the address of the element was made. */
/* expect: cause=null-check-missing fix=null-check */
SEC("xdp") int check_after_arithmetic(struct xdp_md *ctx)
{
  __u32 key = 3;
  struct counter *counter = bpf_map_lookup_elem(&counters, &key);
  __u64 *bytes;

  bytes = &counter->bytes; // <- fault
  barrier_var(bytes);
  if (!counter)
    return XDP_PASS;
  *bytes += 1;
  return XDP_PASS;
}

LICENSE("GPL");
