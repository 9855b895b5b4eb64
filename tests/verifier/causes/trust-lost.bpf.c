// SPDX-License-Identifier: MIT
/* A kernel object must be trusted, referenced or under RCU, and is not. */
#include "common.h"

extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym;
extern void bpf_put_file(struct file *file) __ksym;

/* A pointer found by walking may be stale. */
/* expect: cause=trust-lost fix=none */
SEC("tp_btf/task_newtask") int walked_pointer(__u64 *ctx)
{
  struct task_struct *task = (void *)ctx[0];
  struct task_struct *wakee = task->last_wakee;
  struct task_struct *kept;

  if (!wakee)
    return 0;
  kept = bpf_task_acquire(wakee); // <- fault
  if (kept)
    bpf_task_release(kept);
  return 0;
}

/* Two steps: the parent's leader. */
/* expect: cause=trust-lost fix=none */
SEC("tp_btf/sched_process_exit") int two_steps(__u64 *ctx)
{
  struct task_struct *task = (void *)ctx[0];
  struct task_struct *last = task->group_leader->last_wakee; // <- blame
  struct task_struct *kept = bpf_task_acquire(last); // <- fault

  if (kept)
    bpf_task_release(kept);
  return 0;
}

/* A program that may sleep is in no RCU section unless it enters one. */
/* expect: cause=trust-lost fix=none */
SEC("lsm.s/bprm_committed_creds") int parent_without_rcu(__u64 *ctx)
{
  struct task_struct *current = bpf_get_current_task_btf();
  struct task_struct *parent = current->real_parent; // <- blame
  struct task_struct *kept = bpf_task_acquire(parent); // <- fault

  if (kept)
    bpf_task_release(kept);
  return 0;
}

/* What a trusted task points to is not trusted for that. */
/* expect: cause=trust-lost fix=none */
SEC("lsm.s/file_open") int file_of_mm(__u64 *ctx)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct task_struct *other = task->last_wakee; // <- blame
  struct file *exe = bpf_get_task_exe_file(other); // <- fault

  if (exe)
    bpf_put_file(exe);
  return 0;
}

/* The pointer was read under RCU, and used after it. */
/* expect: cause=trust-lost fix=none */
SEC("tp_btf/sched_wakeup") int used_after_rcu(__u64 *ctx)
{
  struct task_struct *task = (void *)ctx[0], *parent, *kept;

  bpf_rcu_read_lock();
  parent = task->real_parent;
  bpf_rcu_read_unlock();
  kept = bpf_task_acquire(parent); // <- fault
  if (kept)
    bpf_task_release(kept);
  return 0;
}

LICENSE("GPL");
