/* Operations of schedulers that call what they may and what they may not. */
#include <beeyard/sched_ext.h>

#define QUEUE 7

struct clock {
  struct bpf_timer timer;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct clock);
} clocks SEC(".maps");

static __noinline void put(struct task_struct *p, u64 flags) {
  scx_bpf_dispatch(p, QUEUE, SCX_SLICE_DFL, flags);
}

/* Global: verified on its own, for all who call it. */
__noinline int take(u64 queue) {
  return scx_bpf_consume(queue);
}

static long take_one(u32 index, void *ctx) {
  return scx_bpf_consume(QUEUE + index);
}

static int ring(void *map, u32 *key, struct clock *clock) {
  take(QUEUE);
  return 0;
}

static int chime(void *map, u32 *key, struct clock *clock) {
  scx_bpf_kick_cpu(0, 0);
  return 0;
}

static __always_inline void wake_up(int (*callback)(void *, u32 *, struct clock *)) {
  u32 zero = 0;
  struct clock *clock = bpf_map_lookup_elem(&clocks, &zero);
  if (!clock)
    return;
  bpf_timer_init(&clock->timer, &clocks, 0);
  bpf_timer_set_callback(&clock->timer, callback);
  bpf_timer_start(&clock->timer, 1000000, 0);
}

SEC("struct_ops/select_cpu")
s32 good_select_cpu(u64 *ctx) {
  struct task_struct *p = SCX_ARG(ctx, struct task_struct *, 0);
  bool idle = false;
  s32 cpu = scx_bpf_select_cpu_dfl(p, ctx[1], ctx[2], &idle);
  if (idle)
    put(p, 0);
  return cpu;
}

SEC("struct_ops/enqueue")
int good_enqueue(u64 *ctx) {
  put(SCX_ARG(ctx, struct task_struct *, 0), ctx[1]);
  return 0;
}

SEC("struct_ops/dispatch")
int good_dispatch(u64 *ctx) {
  if (scx_bpf_dispatch_nr_slots() > 0)
    take(QUEUE);
  bpf_loop(4, take_one, NULL, 0);
  return 0;
}

SEC("struct_ops.s/init")
s32 good_init(u64 *ctx) {
  wake_up(chime);
  return scx_bpf_create_dsq(QUEUE, -1);
}

SEC("struct_ops/cpu_release")
int good_cpu_release(u64 *ctx) {
  scx_bpf_reenqueue_local();
  return 0;
}

SEC("struct_ops/enqueue")
int bad_enqueue(u64 *ctx) {
  if (ctx[1] & 1)
    scx_bpf_consume(QUEUE);
  put(SCX_ARG(ctx, struct task_struct *, 0), ctx[1]);
  return 0;
}

SEC("struct_ops/running")
int bad_running(u64 *ctx) {
  put(SCX_ARG(ctx, struct task_struct *, 0), 0);
  return 0;
}

SEC("struct_ops/stopping")
int bad_stopping(u64 *ctx) {
  take(QUEUE);
  return 0;
}

SEC("struct_ops/enqueue")
int bad_loop(u64 *ctx) {
  bpf_loop(4, take_one, NULL, 0);
  return 0;
}

/* The operation itself may consume, what the timer runs later may not: called by both. */
SEC("struct_ops/dispatch")
int bad_timer(u64 *ctx) {
  take(QUEUE);
  wake_up(ring);
  return 0;
}

SEC("struct_ops/select_cpu")
s32 bad_select_cpu(u64 *ctx) {
  scx_bpf_reenqueue_local();
  return 0;
}

SEC(".struct_ops.link")
struct sched_ext_ops good = {
    .select_cpu = (void *)good_select_cpu,
    .enqueue = (void *)good_enqueue,
    .dispatch = (void *)good_dispatch,
    .cpu_release = (void *)good_cpu_release,
    .init = (void *)good_init,
    .name = "good",
};

SEC(".struct_ops.link")
struct sched_ext_ops bad = {
    .select_cpu = (void *)bad_select_cpu,
    .enqueue = (void *)bad_enqueue,
    .dispatch = (void *)bad_timer,
    .running = (void *)bad_running,
    .stopping = (void *)bad_stopping,
    .name = "bad",
};

SEC(".struct_ops.link")
struct sched_ext_ops looping = {
    .enqueue = (void *)bad_loop,
    .name = "looping",
};

LICENSE("GPL");
