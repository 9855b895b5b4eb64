// SPDX-License-Identifier: MIT
/* A number is used as a pointer: it never was one, or stopped being one. */
#include "common.h"

struct call {
  __u64 task;
  __u64 since;
};
MAP(HASH, calls, 128, __u32, struct call);

/* expect: cause=scalar-dereference fix=probe-read */
SEC("kprobe/do_exit") int reads_task_directly(struct pt_regs *ctx)
{
  struct task_struct *task = (void *)bpf_get_current_task(); // <- blame

  return task->tgid != task->pid; // <- fault
}

/* Arguments of a kprobe are numbers in registers. */
/* expect: cause=scalar-dereference fix=probe-read */
SEC("kprobe/vfs_read") int reads_argument(struct pt_regs *ctx)
{
  struct file *file = (void *)ctx->di; // <- blame

  if (file->f_flags & 1) // <- fault
    bpf_printk("written");
  return 0;
}

/* expect: cause=scalar-dereference fix=probe-read */
SEC("tracepoint/syscalls/sys_enter_openat") int reads_user_string(__u64 *ctx)
{
  const char *name = (void *)ctx[3]; // <- blame

  return name[0] == '/'; // <- fault
}

/* The packet may have moved: the old pointer is only a number. */
/* expect: cause=scalar-dereference fix=reload */
SEC("tc") int old_pointer_after_pull(struct __sk_buff *skb)
{
  __u8 *data = (void *)(long)skb->data;
  __u8 *end = (void *)(long)skb->data_end;

  if (data + 34 > end)
    return TC_ACT_OK;
  if (bpf_skb_pull_data(skb, 54)) // <- blame
    return TC_ACT_OK;
  return data[23] == IPPROTO_ICMP ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* expect: cause=scalar-dereference fix=reload */
SEC("xdp") int old_pointer_after_adjust(struct xdp_md *ctx)
{
  struct ethhdr *eth = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;

  if ((void *)(eth + 1) > end)
    return XDP_PASS;
  if (bpf_xdp_adjust_head(ctx, -8)) // <- blame
    return XDP_PASS;
  eth->h_proto = bpf_htons(ETH_P_8021Q); // <- fault
  return XDP_TX;
}

/* A pointer that went through a map comes out as a number. */
/* expect: cause=scalar-dereference fix=probe-read */
SEC("fexit/do_unlinkat") int pointer_from_map(__u64 *ctx)
{
  __u32 tid = bpf_get_current_pid_tgid();
  struct call *call = bpf_map_lookup_elem(&calls, &tid);
  struct task_struct *task;

  if (!call)
    return 0;
  task = (void *)call->task; // <- blame
  if (task->prio < 100) // <- fault
    bpf_map_delete_elem(&calls, &tid);
  return 0;
}

/* What bpf_probe_read_kernel copies are bytes, also where they are an address. */
/* expect: cause=scalar-dereference fix=probe-read */
SEC("kprobe/wake_up_new_task") int parent_by_probe_read(struct pt_regs *ctx)
{
  struct task_struct *task = (void *)ctx->di, *parent = NULL;

  bpf_probe_read_kernel(&parent, sizeof(parent), &task->real_parent); // <- blame
  if (!parent)
    return 0;
  return parent->tgid == 1; // <- fault
}

/* Half an address: the cast through 32 bits makes a number of the pointer. */
/* expect: cause=pointer-operator fix=none */
SEC("xdp") int cast_through_u32(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct call *call = bpf_map_lookup_elem(&calls, &key);

  if (!call)
    return XDP_PASS;
  call = (void *)(__u64)(__u32)(__u64)call; // <- blame
  return call->since ? XDP_PASS : XDP_DROP; // <- fault
}

LICENSE("GPL");
