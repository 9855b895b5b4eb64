/* SPDX-License-Identifier: MIT
 *
 * What a scheduler in BPF needs of sched_ext in Linux 6.12: the table of operations and the kernel
 * functions, as its ABI has them. Written for beeyard. Types are relocated (CO-RE) by name: what is
 * not named here stays out of sight.
 */
#ifndef BEEYARD_SCHED_EXT_H
#define BEEYARD_SCHED_EXT_H

#include <beeyard/bpf.h>

#ifndef __cplusplus
typedef _Bool bool;
#define true 1
#define false 0
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
  int pid;
  int prio;
  unsigned int flags;
};

struct cgroup;
struct cpumask;
struct rq;
struct scx_cpu_acquire_args;
struct scx_cpu_release_args;
struct scx_cgroup_init_args;
struct scx_dump_ctx;
struct scx_exit_task_args;

struct scx_init_task_args {
  bool fork;
};

struct scx_exit_info {
  int kind;
  s64 exit_code;
  const char *reason;
  char *msg;
};

#pragma clang attribute pop

struct bpf_iter_scx_dsq {
  u64 __opaque[6];
} __attribute__((aligned(8)));

struct sched_ext_ops {
  s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
  void (*enqueue)(struct task_struct *p, u64 enq_flags);
  void (*dequeue)(struct task_struct *p, u64 deq_flags);
  void (*dispatch)(s32 cpu, struct task_struct *prev);
  void (*tick)(struct task_struct *p);
  void (*runnable)(struct task_struct *p, u64 enq_flags);
  void (*running)(struct task_struct *p);
  void (*stopping)(struct task_struct *p, bool runnable);
  void (*quiescent)(struct task_struct *p, u64 deq_flags);
  bool (*yield)(struct task_struct *from, struct task_struct *to);
  bool (*core_sched_before)(struct task_struct *a, struct task_struct *b);
  void (*set_weight)(struct task_struct *p, u32 weight);
  void (*set_cpumask)(struct task_struct *p, const struct cpumask *cpumask);
  void (*update_idle)(s32 cpu, bool idle);
  void (*cpu_acquire)(s32 cpu, struct scx_cpu_acquire_args *args);
  void (*cpu_release)(s32 cpu, struct scx_cpu_release_args *args);
  s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
  void (*exit_task)(struct task_struct *p, struct scx_exit_task_args *args);
  void (*enable)(struct task_struct *p);
  void (*disable)(struct task_struct *p);
  void (*dump)(struct scx_dump_ctx *ctx);
  void (*dump_cpu)(struct scx_dump_ctx *ctx, s32 cpu, bool idle);
  void (*dump_task)(struct scx_dump_ctx *ctx, struct task_struct *p);
  s32 (*cgroup_init)(struct cgroup *cgrp, struct scx_cgroup_init_args *args);
  void (*cgroup_exit)(struct cgroup *cgrp);
  s32 (*cgroup_prep_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
  void (*cgroup_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
  void (*cgroup_cancel_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
  void (*cgroup_set_weight)(struct cgroup *cgrp, u32 weight);
  void (*cpu_online)(s32 cpu);
  void (*cpu_offline)(s32 cpu);
  s32 (*init)(void);
  void (*exit)(struct scx_exit_info *info);
  u32 dispatch_max_batch;
  u64 flags;
  u32 timeout_ms;
  u32 exit_dump_len;
  u64 hotplug_seq;
  char name[128];
};

#define SCX_DSQ_GLOBAL 0x8000000000000001ULL
#define SCX_DSQ_LOCAL 0x8000000000000002ULL
#define SCX_SLICE_DFL 20000000ULL

/* Arguments of an operation come as 64-bit numbers, one after another. */
#define SCX_ARG(ctx, type, index) ((type)(ctx)[index])

/* ops.select_cpu */
s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev_cpu, u64 wake_flags,
                           bool *is_idle) __ksym;
/* ops.enqueue, ops.select_cpu, ops.dispatch */
void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym;
void scx_bpf_dispatch_vtime(struct task_struct *p, u64 dsq_id, u64 slice, u64 vtime,
                            u64 enq_flags) __ksym;
/* ops.dispatch */
u32 scx_bpf_dispatch_nr_slots(void) __ksym;
void scx_bpf_dispatch_cancel(void) __ksym;
bool scx_bpf_consume(u64 dsq_id) __ksym;
/* ops.dispatch, and where no run queue is locked */
bool scx_bpf_dispatch_from_dsq(struct bpf_iter_scx_dsq *it__iter, struct task_struct *p, u64 dsq_id,
                               u64 enq_flags) __ksym;
/* ops.cpu_release */
u32 scx_bpf_reenqueue_local(void) __ksym;
/* sleepable operations */
s32 scx_bpf_create_dsq(u64 dsq_id, s32 node) __ksym;
/* all */
void scx_bpf_kick_cpu(s32 cpu, u64 flags) __ksym;
s32 scx_bpf_dsq_nr_queued(u64 dsq_id) __ksym;
u32 scx_bpf_nr_cpu_ids(void) __ksym;
s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;
int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, u64 dsq_id, u64 flags) __ksym;
struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;

#endif
