// SPDX-License-Identifier: MIT
/* Unreachable code, no return at the end. */
#include "common.h"

/* "This cannot happen" is taken at its word: nothing follows. */
/* expect: cause=control-flow fix=none */
SEC("xdp") int runs_off_the_end(struct xdp_md *ctx)
{
  if (ctx->rx_queue_index < 4)
    return XDP_PASS;
  bpf_printk("queue?"); // <- fault
  __builtin_unreachable();
}

/* expect: cause=control-flow fix=none */
SEC("tc") __attribute__((naked)) int code_behind_exit(void)
{
  asm volatile("r0 = 0;" // <- fault
               "exit;"
               "r0 = 1;" // <- fault
               "exit;");
}

/* A jump over the end of the function. */
/* expect: cause=control-flow fix=none */
SEC("socket") __attribute__((naked)) int jumps_too_far(void)
{
  asm volatile("r0 = 0;" // <- fault
               "if r1 == 0 goto +5;" // <- fault
               "exit;");
}

/* The function lacks its return: the next one would be run. */
/* expect: cause=control-flow fix=none */
static __noinline __attribute__((naked)) int no_exit(void)
{
  asm volatile("r0 = 1;"); // <- fault
}

SEC("tc") int calls_what_never_returns(struct __sk_buff *skb)
{
  return no_exit();
}

LICENSE("GPL");
