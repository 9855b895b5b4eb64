// SPDX-License-Identifier: MIT
/* A loop comes around with nothing changed. */
#include "common.h"

MAP(ARRAY, flags, 1, __u32, __u32);
__u32 ready;

/* Waiting for somebody else. */
/* expect: cause=infinite-loop fix=none */
SEC("kprobe/do_exit") int waits_for_a_flag(struct pt_regs *ctx)
{
  while (*(volatile __u32 *)&ready == 0) // <- fault
    ; // <- fault
  return 0;
}

/* The variable that should count is another one. */
/* expect: cause=infinite-loop fix=none */
SEC("xdp") int counts_the_wrong_variable(struct xdp_md *ctx)
{
  volatile __u32 i = 0;
  __u32 rounds = 0;

  while (rounds < 4) { // <- fault
    if (i > 100) // <- fault
      break; // <- fault
    barrier_var(rounds); // <- fault
  }
  return XDP_PASS;
}

/* Trying again until it works. */
/* expect: cause=infinite-loop fix=none */
SEC("tc") int tries_again(struct __sk_buff *skb)
{
  __u32 key = 0;
  __u32 *flag;

  do { // <- fault
    flag = bpf_map_lookup_elem(&flags, &key); // <- fault
  } while (!flag); // <- fault
  return TC_ACT_OK;
}

/* `goto` to a label above. */
/* expect: cause=infinite-loop fix=none */
SEC("tracepoint/sched/sched_switch") int goes_back(void *ctx)
{
  __u32 chosen;

again:
  chosen = bpf_get_prandom_u32(); // <- fault
  if (chosen & 1) // <- fault
    goto again; // <- fault
  return 0;
}

/* Without privileges there are no loops at all. */
/* expect: cause=infinite-loop fix=none caps=none */
SEC("socket") int loop_without_privileges(struct __sk_buff *skb)
{
  __u32 sum = 0;

#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < 4; i++) { // <- fault
    sum += skb->len; // <- fault
    barrier_var(sum); // <- fault
  } // <- fault
  return sum;
}

LICENSE("GPL");
