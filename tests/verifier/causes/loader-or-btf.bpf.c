// SPDX-License-Identifier: MIT
/* What the loader, or the type information, says does not fit. */
#include "common.h"

/* Of another kernel: it has these, 6.12 has not. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct___newer {
  int recent_cpu_of_wakeup;
  struct task_struct___newer *next_in_line;
};
struct sock___newer {
  __u64 sk_latency_budget;
};
#pragma clang attribute pop

enum cgroup_subsys_id___newer {
  tomorrow_cgrp_id = 77,
};

extern int bpf_task_of_tomorrow(struct task_struct *task) __ksym __weak;

/* A field that this kernel's struct does not have. */
/* expect: cause=loader-or-btf fix=none */
SEC("tp_btf/sched_switch") int field_of_a_newer_kernel(__u64 *ctx)
{
  struct task_struct___newer *next = (void *)ctx[2];

  return next->recent_cpu_of_wakeup == 3; // <- fault
}

/* The same, by probe_read. */
/* expect: cause=loader-or-btf fix=none */
SEC("kprobe/tcp_v4_connect") int field_by_probe_read(struct pt_regs *ctx)
{
  struct sock___newer *sk = (void *)ctx->di;
  __u64 budget = 0;

  bpf_probe_read_kernel(&budget, sizeof(budget), &sk->sk_latency_budget); // <- fault
  return budget > 100;
}

/* An enumerator this kernel lacks. */
/* expect: cause=loader-or-btf fix=none */
SEC("tracepoint/sched/sched_switch") int enumerator_of_a_newer_kernel(void *ctx)
{
  return __builtin_preserve_enum_value( // <- fault
             *(typeof(enum cgroup_subsys_id___newer) *)tomorrow_cgrp_id, 1) == 3;
}

/* A weak kernel function is called without asking whether it is there. */
/* expect: cause=loader-or-btf fix=none */
SEC("tp_btf/task_newtask") int weak_function_unasked(__u64 *ctx)
{
  return bpf_task_of_tomorrow((void *)ctx[0]); // <- fault
}

LICENSE("GPL");
