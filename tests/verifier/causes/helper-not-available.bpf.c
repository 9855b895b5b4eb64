// SPDX-License-Identifier: MIT
/* There is no such helper for this program type. */
#include "common.h"

MAP(HASH, seen, 64, __u32, __u64);

/* expect: cause=helper-not-available fix=none */
SEC("xdp") int redirect_like_tc(struct xdp_md *ctx)
{
  return bpf_skb_vlan_pop((void *)ctx); // <- fault
}

/* A packet belongs to no task, and has no stack of one. */
/* expect: cause=helper-not-available fix=none */
SEC("xdp") int stack_of_a_packet(struct xdp_md *ctx)
{
  __u64 frames[8];

  return bpf_get_stack(ctx, frames, sizeof(frames), 0) > 0 ? XDP_PASS : XDP_DROP; // <- fault
}

/* expect: cause=helper-not-available fix=none */
SEC("socket") int filter_redirects(struct __sk_buff *skb)
{
  return bpf_redirect(1, 0); // <- fault
}

/* A helper that was never there. */
/* expect: cause=helper-not-available fix=none */
SEC("kprobe/do_exit") int no_such_helper(struct pt_regs *ctx)
{
  static long (*const future)(void *ctx) = (void *)4711;

  return future(ctx); // <- fault
}

/* Only for functions that were made for it. */
/* expect: cause=helper-not-available fix=none */
static __noinline int stop(void *ctx)
{
  return bpf_sk_assign(ctx, NULL, 0); // <- fault
}

SEC("tracepoint/sched/sched_switch") int in_a_function(void *ctx)
{
  return stop(ctx);
}

/* It depends on the type, not only on the hook: LSM programs have no packet. */
/* expect: cause=helper-not-available fix=none */
SEC("lsm/socket_connect") int packet_helper_in_lsm(__u64 *ctx)
{
  return bpf_clone_redirect((void *)ctx[0], 1, 0); // <- fault
}

LICENSE("GPL");
