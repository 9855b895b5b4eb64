// SPDX-License-Identifier: MIT
/* Congestion control in BPF: programs that are members of a structure of the kernel. */
#include "common.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct tcp_sock {
  __u32 snd_cwnd;
  __u32 snd_ssthresh;
  __u32 srtt_us;
  __u32 prior_cwnd;
};
#pragma clang attribute pop
struct ack_sample {
  __u32 pkts_acked;
};
struct tcp_congestion_ops {
  __u32 (*ssthresh)(struct sock *sk);
  void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
  __u32 (*undo_cwnd)(struct sock *sk);
  void (*init)(struct sock *sk);
  void (*set_state)(struct sock *sk, __u8 new_state);
  char name[16];
};
MAP(HASH, windows, 64, __u64, __u32);

/* Not every field may be written. */
/* expect: cause=struct-access fix=none */
SEC("struct_ops") void writes_the_rtt(__u64 *ctx)
{
  struct tcp_sock *tp = (void *)ctx[0];

  tp->srtt_us = 0; // <- fault
}

/* expect: cause=null-check-missing fix=null-check */
SEC("struct_ops") __u32 window_unchecked(__u64 *ctx)
{
  __u64 key = ctx[0];
  __u32 *window = bpf_map_lookup_elem(&windows, &key);

  return *window; // <- fault
}

/* expect: cause=context-access fix=none */
SEC("struct_ops") __u32 second_argument(__u64 *ctx)
{
  return ctx[1] & 7; // <- fault
}

/* expect: cause=helper-not-available fix=none */
SEC("struct_ops") void redirects(__u64 *ctx)
{
  bpf_redirect(1, 0); // <- fault
}

SEC(".struct_ops")
struct tcp_congestion_ops wrong_ops = {
  .init = (void *)writes_the_rtt,
  .ssthresh = (void *)window_unchecked,
  .undo_cwnd = (void *)second_argument,
  .cong_avoid = (void *)redirects,
  .name = "bpf_wrong",
};

LICENSE("GPL");
