// SPDX-License-Identifier: MIT
/* The kernel function is not there for this program type. */
#include "common.h"

struct tcp_sock {
  __u32 snd_cwnd;
} __attribute__((preserve_access_index));

extern int bpf_path_d_path(struct path *path, char *buffer, unsigned long size) __ksym;
extern __u32 tcp_slow_start(struct tcp_sock *tp, __u32 acked) __ksym;
extern int bpf_sock_destroy(struct sock_common *sock) __ksym;

/* A dynptr of an XDP buffer, behind the place where XDP runs. */
/* expect: cause=kfunc-not-allowed fix=none */
SEC("tc") int xdp_dynptr_in_tc(struct __sk_buff *skb)
{
  struct bpf_dynptr packet;

  bpf_dynptr_from_xdp((void *)skb, 0, &packet); // <- fault
  return TC_ACT_OK;
}

/* Congestion control is for struct_ops programs. */
/* expect: cause=kfunc-not-allowed fix=none */
SEC("kprobe/tcp_rcv_established") int congestion_from_kprobe(struct pt_regs *ctx)
{
  return tcp_slow_start((void *)ctx->di, 1); // <- fault
}

/* A dynptr of an skb, in a program that has none. */
/* expect: cause=kfunc-not-allowed fix=none */
SEC("kprobe/tcp_v4_rcv") int skb_dynptr_in_kprobe(struct pt_regs *ctx)
{
  struct bpf_dynptr packet;

  return bpf_dynptr_from_skb((void *)ctx->di, 0, &packet); // <- fault
}

/* Only TCP and UDP socket iterators may destroy sockets. */
/* expect: cause=kfunc-not-allowed fix=none */
static __noinline int destroy(void *sock)
{
  return bpf_sock_destroy(sock); // <- fault
}

SEC("tc") int destroys_from_tc(struct __sk_buff *skb)
{
  return destroy(skb);
}

/* Paths are written out for LSM programs. */
/* expect: cause=kfunc-not-allowed fix=none */
SEC("fentry/vfs_open") int path_while_tracing(__u64 *ctx)
{
  char text[64];

  bpf_path_d_path((void *)ctx[0], text, sizeof(text)); // <- fault
  return 0;
}

LICENSE("GPL");
