// SPDX-License-Identifier: MIT
/* An access leaves the stack, or its index is not limited. */
#include "common.h"

/* expect: cause=stack-index fix=bounds-check */
SEC("xdp") int index_from_context(struct xdp_md *ctx)
{
  volatile __u8 seen[32] = {};

  seen[ctx->rx_queue_index] = 1; // <- fault
  return seen[0] ? XDP_PASS : XDP_DROP;
}

/* Limited, but to more than there is. */
/* expect: cause=stack-index fix=bounds-check */
SEC("tc") int limit_too_large(struct __sk_buff *skb)
{
  volatile __u8 digits[16] = {};

  digits[skb->mark & 63] = 7; // <- fault
  return digits[3];
}

/* Reading is no better than writing. */
/* expect: cause=stack-index fix=bounds-check */
SEC("kprobe/do_exit") int reads_table(struct pt_regs *ctx)
{
  volatile __u64 table[4] = { 1, 10, 100, 1000 };

  return table[ctx->di & 7]; // <- fault
}

/* The helper writes 64 bytes into 16. */
/* expect: cause=stack-index fix=none */
SEC("tracepoint/sched/sched_process_exec") int helper_writes_too_much(void *ctx)
{
  char comm[16];

  bpf_get_current_comm(comm, 64); // <- fault
  return comm[0];
}

/* The function writes where its caller has nothing. */
/* expect: cause=stack-index fix=none */
static __noinline int clear(__u64 *words)
{
  words[1] = 0; // <- fault
  return 0;
}

SEC("tc") int function_writes_behind(struct __sk_buff *skb)
{
  __u64 word = 1;

  clear(&word);
  return word;
}

/* Reading a line until its end: nothing says that the end comes within the buffer. */
/* expect: cause=stack-index fix=bounds-check */
SEC("uprobe//bin/bash:readline") int loop_runs_over(struct pt_regs *ctx)
{
  char line[16] = {};
  int spaces = 0;

  bpf_probe_read_user_str(line, sizeof(line), (void *)ctx->di);
  for (int i = 0; i < 32; i++) {
    barrier_var(i);
    if (line[i] == ' ') // <- fault
      spaces++;
  }
  return spaces;
}

LICENSE("GPL");
