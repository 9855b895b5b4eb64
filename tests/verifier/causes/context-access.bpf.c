// SPDX-License-Identifier: MIT
/* The program type does not let this field of the context be read, or written. */
#include "common.h"

struct bpf_sockopt_old {
  __u64 sk;
};

/* XDP sees a packet before there is an skb. */
/* expect: cause=context-access fix=none */
SEC("xdp") int mark_of_xdp(struct xdp_md *ctx)
{
  struct __sk_buff *skb = (void *)ctx;

  return skb->hash ? XDP_PASS : XDP_DROP; // <- fault
}

/* Only some fields may be written. */
/* expect: cause=context-access fix=none */
SEC("tc") int writes_length(struct __sk_buff *skb)
{
  skb->len = 64; // <- fault
  return TC_ACT_OK;
}

/* A socket filter has no direct access to the packet. */
/* expect: cause=context-access fix=none */
SEC("socket") int packet_of_a_filter(struct __sk_buff *skb)
{
  __u8 *data = (void *)(long)skb->data; // <- fault
  __u8 *end = (void *)(long)skb->data_end;

  if (data + 1 > end)
    return 0;
  return data[0];
}

/* IPv6 addresses are there for connect6 only. */
/* expect: cause=context-access fix=none */
SEC("cgroup/connect4") int other_family(struct bpf_sock_addr *ctx)
{
  return ctx->user_ip6[3] != 0; // <- fault
}

/* 32-bit fields are not read in 64 bits. */
/* expect: cause=context-access fix=none */
SEC("xdp") int two_fields_at_once(struct xdp_md *ctx)
{
  volatile __u64 *both = (void *)&ctx->ingress_ifindex;

  return *both ? XDP_PASS : XDP_DROP; // <- fault
}

/* do_unlinkat has two arguments, and the return value behind them is for fexit. */
/* expect: cause=context-access fix=none */
SEC("fentry/do_unlinkat") int return_value_at_entry(__u64 *ctx)
{
  return ctx[2] == 0; // <- fault
}

/* expect: cause=context-access fix=none */
SEC("lsm/file_open") int argument_too_many(__u64 *ctx)
{
  struct file *file = (void *)ctx[0];
  long mode = ctx[4]; // <- fault

  return file && mode ? -1 : 0;
}

/* The device's number is not to be changed. */
/* expect: cause=context-access fix=none */
static __noinline int hide(struct bpf_cgroup_dev_ctx *ctx)
{
  ctx->minor = 0; // <- fault
  return 1;
}

SEC("cgroup/dev") int writes_in_a_function(struct bpf_cgroup_dev_ctx *ctx)
{
  return hide(ctx);
}

/* Registers of a kprobe may be read, not written. */
/* expect: cause=context-access fix=none */
SEC("kprobe/vfs_read") int changes_argument(struct pt_regs *ctx)
{
  ctx->dx = 0; // <- fault
  return 0;
}

LICENSE("GPL");
