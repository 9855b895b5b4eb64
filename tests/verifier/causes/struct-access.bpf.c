// SPDX-License-Identifier: MIT
/* A typed kernel object has no such field, or it may not be used like that. */
#include "common.h"

/* Objects of the kernel are read, not written. */
/* expect: cause=read-only fix=none */
SEC("tp_btf/task_newtask") int writes_a_task(__u64 *ctx)
{
  struct task_struct *task = (void *)ctx[0];

  task->prio = 100; // <- fault
  return 0;
}

/* The end of the structure is passed. */
/* expect: cause=struct-access fix=none */
SEC("lsm/bprm_check_security") int beyond_the_struct(__u64 *ctx)
{
  __u8 *program = (void *)ctx[0];

  return program[100000] ? -1 : 0; // <- fault
}

/* Half of a pointer. */
/* expect: cause=struct-access fix=none */
SEC("fentry/do_unlinkat") int half_a_pointer(__u64 *ctx)
{
  struct task_struct *current = bpf_get_current_task_btf();
  volatile __u32 *half = (void *)__builtin_preserve_access_index(&current->real_parent);

  return *half & 0; // <- fault
}

/* An index into an array of the task. */
/* expect: cause=index-unbounded fix=bounds-check */
SEC("tp_btf/sched_switch") int index_into_comm(__u64 *ctx)
{
  struct task_struct *next = (void *)ctx[2];
  char *comm = __builtin_preserve_access_index(&next->comm[0]);

  if (comm[bpf_get_prandom_u32() & 15] == 'x') // <- fault
    bpf_printk("x");
  return 0;
}

LICENSE("GPL");
