// SPDX-License-Identifier: MIT
/* A helper or kernel function is given the wrong kind of argument. */
#include "common.h"

struct event {
  __u64 when;
};
MAP(HASH, seen, 64, __u32, struct event);
struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} perf SEC(".maps");
RINGBUF(events, 4096);
STORAGE(TASK_STORAGE, started, __u64);

/* The key itself, not its address. */
/* expect: cause=helper-argument-type fix=none */
SEC("xdp") int key_by_value(struct xdp_md *ctx)
{
  __u64 key = ctx->rx_queue_index;

  return bpf_map_lookup_elem(&seen, (void *)key) ? XDP_PASS : XDP_DROP; // <- fault
}

/* A helper that wants the context gets what is in it. */
/* expect: cause=helper-argument-type fix=none */
SEC("tc") int data_instead_of_context(struct __sk_buff *skb)
{
  struct event event = { bpf_ktime_get_ns() };
  void *data = (void *)(long)skb->data;

  bpf_perf_event_output(data, &perf, 0, &event, sizeof(event)); // <- fault
  return TC_ACT_OK;
}

/* The function of the program passes a copy of the first argument: a number. */
/* expect: cause=helper-argument-type fix=none */
static __noinline int report(__u64 ctx)
{
  struct event event = { 1 };

  return bpf_perf_event_output((void *)ctx, &perf, 0, &event, 8); // <- fault
}

SEC("kprobe/do_exit") int number_as_context(struct pt_regs *ctx)
{
  return report(ctx->di);
}

/* Address of a user's buffer given as the place to write to. */
/* expect: cause=helper-argument-type fix=none */
SEC("tracepoint/syscalls/sys_enter_write") int writes_to_user(__u64 *ctx)
{
  void *user = (void *)ctx[3];

  bpf_get_current_comm(user, 16); // <- fault
  return 0;
}

/* A record that was not reserved is submitted. */
/* expect: cause=helper-argument-type fix=none */
SEC("kprobe/tcp_connect") int submits_the_stack(struct pt_regs *ctx)
{
  struct event event = { bpf_ktime_get_ns() };

  bpf_ringbuf_submit(&event, 0); // <- fault
  return 0;
}

/* A map where its value is wanted. */
/* expect: cause=helper-argument-type fix=none */
SEC("tc") int map_as_value(struct __sk_buff *skb)
{
  __u32 key = skb->ifindex;

  bpf_map_update_elem(&seen, &key, &seen, BPF_ANY); // <- fault
  return TC_ACT_OK;
}

/* The argument is a kernel object, but of another type. */
/* expect: cause=helper-argument-type fix=none */
SEC("tp_btf/cgroup_mkdir") int cgroup_instead_of_task(__u64 *ctx)
{
  struct cgroup *cgroup = (void *)ctx[0];

  bpf_task_storage_get(&started, (void *)cgroup, NULL, 0); // <- fault
  return 0;
}

/* The same with a kernel function. */
/* expect: cause=helper-argument-type fix=none */
SEC("tp_btf/task_newtask") int cgroup_released_as_task(__u64 *ctx)
{
  struct cgroup *cgroup = bpf_cgroup_from_id(1);

  if (!cgroup)
    return 0;
  bpf_task_release((void *)cgroup); // <- fault
  return 0;
}

LICENSE("GPL");
