// SPDX-License-Identifier: MIT
/* The context, or another fixed pointer, is used after it was moved. */
#include "common.h"

/* A word of the control block is chosen by a number. */
/* expect: cause=modified-context fix=none */
SEC("tc") int control_block_by_index(struct __sk_buff *skb)
{
  return skb->cb[skb->mark & 3]; // <- fault
}

/* The compiler made one load of two: the address of the field is computed first. */
/* expect: cause=modified-context fix=none why=lowering */
SEC("tc") int compiler_merged_loads(struct __sk_buff *skb)
{
  __u32 *field = skb->queue_mapping ? &skb->mark : &skb->priority; // <- blame

  barrier_var(field);
  return *field; // <- fault
}

/* A function that takes the address of a field. */
/* expect: cause=modified-context fix=none */
static __noinline int is_zero(__u32 *word)
{
  return *word == 0; // <- fault
}

SEC("xdp") int field_by_address(struct xdp_md *ctx)
{
  return is_zero(&ctx->rx_queue_index) ? XDP_DROP : XDP_PASS; // <- blame
}

/* A helper wants the context as it was given. */
/* expect: cause=modified-context fix=none */
SEC("tc") int moved_context_to_helper(struct __sk_buff *skb)
{
  void *ctx = skb;

  ctx += 8; // <- blame
  barrier_var(ctx);
  return bpf_skb_pull_data(ctx, 0); // <- fault
}

/* Arguments counted in a loop. */
/* expect: cause=modified-context fix=none */
SEC("kprobe/vfs_read") int loop_over_registers(struct pt_regs *ctx)
{
  unsigned long *words = (void *)ctx, zeros = 0;

  for (unsigned long i = 0; i < 4; i++) {
    unsigned long *at = words + i; // <- blame

    barrier_var(at);
    zeros += *at == 0; // <- fault
  }
  return zeros;
}

LICENSE("GPL");
