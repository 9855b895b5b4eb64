// SPDX-License-Identifier: MIT
/* The program, or a callback, may return a value that is not allowed. */
#include "common.h"

MAP(HASH, limits, 64, __u32, __u32);

/* 0 or 1: a port number is neither. */
/* expect: cause=return-range fix=mask */
SEC("cgroup/connect4") int returns_a_port(struct bpf_sock_addr *ctx)
{
  return ctx->user_port; // <- fault
}

/* An errno, as the kernel has it: negative. LSM programs of cgroups return 0 or 1. */
/* expect: cause=return-range fix=mask */
SEC("cgroup/dev") int returns_minus_one(struct bpf_cgroup_dev_ctx *ctx)
{
  if (ctx->major == 8)
    return -1; // <- blame
  return 1;
}

/* LSM hooks take 0 or an error, no positive numbers. */
/* expect: cause=return-range fix=mask */
SEC("lsm/file_open") int returns_positive(__u64 *ctx)
{
  __u32 key = bpf_get_current_uid_gid();
  __u32 *limit = bpf_map_lookup_elem(&limits, &key);

  return limit ? *limit : 0; // <- fault
}

/* What fentry returns is not used; only 0 is allowed. */
/* expect: cause=return-range fix=mask */
SEC("fentry/do_unlinkat") int returns_a_result(__u64 *ctx)
{
  return bpf_get_prandom_u32(); // <- fault
}

/* Callbacks of bpf_loop say 0 (on) or 1 (stop). */
/* expect: cause=return-range fix=mask */
static long visit(__u32 index, __u64 *sum)
{
  *sum += index;
  return *sum; // <- fault
}

SEC("tc") int callback_returns_sum(struct __sk_buff *skb)
{
  __u64 sum = 0;

  bpf_loop(10, visit, &sum, 0);
  return sum > 9 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* The function returns 2 for "do not know". */
/* expect: cause=return-range fix=mask */
static __noinline int judge(__u32 port)
{
  if (port == 22)
    return 0;
  return port > 1024 ? 1 : 9; // <- fault
}

SEC("cgroup/bind4") int from_a_function(struct bpf_sock_addr *ctx)
{
  return judge(ctx->user_port);
}

LICENSE("GPL");
