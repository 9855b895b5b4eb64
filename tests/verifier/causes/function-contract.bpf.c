// SPDX-License-Identifier: MIT
/* A call of the program's own global function does not keep to its prototype. */
#include "common.h"

struct flow {
  __u32 address;
  __u32 port;
  __u64 bytes;
};
MAP(HASH, flows, 64, __u32, __u32);

/* The function may use all of the struct: so much must be there. */
/* expect: cause=function-contract fix=none */
__noinline int weight(struct flow *flow)
{
  return flow ? flow->bytes >> 10 : 0;
}

SEC("tc") int too_little_memory(struct __sk_buff *skb)
{
  __u32 key = skb->mark;
  void *value = bpf_map_lookup_elem(&flows, &key);

  if (!value)
    return TC_ACT_OK;
  return weight(value); // <- fault
}

/* A function that takes the context is given something else. */
/* expect: cause=function-contract fix=none */
__noinline int queue_of(struct xdp_md *ctx)
{
  return ctx->rx_queue_index & 3;
}

SEC("xdp") int no_context(struct xdp_md *ctx)
{
  void *data = (void *)(long)ctx->data;

  return queue_of(data); // <- fault
}

/* A number for a pointer. */
/* expect: cause=function-contract fix=none */
__noinline int read_flow(struct flow *flow)
{
  return flow ? flow->port : 0;
}

SEC("kprobe/tcp_v4_connect") int number_for_pointer(struct pt_regs *ctx)
{
  return read_flow((void *)ctx->di); // <- fault
}

/* A global function returns a number, and only that. */
/* expect: cause=function-contract fix=none */
__noinline struct flow *same(struct flow *flow) // <- blame
{
  barrier_var(flow);
  return flow;
}

SEC("tc") int returns_a_pointer(struct __sk_buff *skb)
{
  struct flow flow = {};

  return same(&flow)->port; // <- fault
}

/* `void *` tells no size. */
/* expect: cause=function-contract fix=none */
__noinline int first_byte(void *from) // <- blame
{
  return from ? 1 : 0;
}

SEC("xdp") int size_not_known(struct xdp_md *ctx)
{
  __u64 word = 3;

  return first_byte(&word) ? XDP_PASS : XDP_DROP; // <- fault
}

LICENSE("GPL");
