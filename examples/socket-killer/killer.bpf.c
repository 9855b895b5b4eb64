// SPDX-License-Identifier: MIT
// A backend is gone: ends every connection to it, so that clients connect again, to another one. Two
// iterators look at all TCP and UDP sockets; a third lists them.
#include <beeyard/sockets.h>

// What of the kernel's structs is looked at: CO-RE finds where it is.
struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct inet_sock {
  struct sock sk;
} __attribute__((preserve_access_index));

struct udp_sock {
  struct inet_sock inet;
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 session_id;
  __u64 seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__tcp {
  struct bpf_iter_meta *meta;
  struct sock_common *sk_common;
} __attribute__((preserve_access_index));

struct bpf_iter__udp {
  struct bpf_iter_meta *meta;
  struct udp_sock *udp_sk;
} __attribute__((preserve_access_index));

int bpf_sock_destroy(struct sock_common *sock) __ksym;

// The backend that is gone; port in host order.
__be32 backend_address = 0;
__u16 backend_port = 0;

__u64 looked_at = 0;
__u64 killed = 0;
__u64 passes = 0;

static __always_inline int is_victim(struct sock_common *sock) {
  return sock->skc_family == AF_INET && sock->skc_daddr == backend_address &&
         sock->skc_dport == bpf_htons(backend_port);
}

static __always_inline void look_at(struct sock_common *sock) {
  looked_at++;
  if (is_victim(sock) && bpf_sock_destroy(sock) == 0) killed++;
}

SEC("iter/tcp")
int kill_tcp(struct bpf_iter__tcp *ctx) {
  struct sock_common *sock = ctx->sk_common;

  if (sock)
    look_at(sock);
  else
    passes++;
  return 0;
}

SEC("iter/udp")
int kill_udp(struct bpf_iter__udp *ctx) {
  struct udp_sock *sock = ctx->udp_sk;

  if (sock)
    look_at((struct sock_common *)sock);
  else
    passes++;
  return 0;
}

SEC("iter/tcp")
int list_tcp(struct bpf_iter__tcp *ctx) {
  struct seq_file *seq = ctx->meta->seq;
  struct sock_common *sock = ctx->sk_common;

  if (!sock || sock->skc_family != AF_INET) return 0;
  __be32 local = sock->skc_rcv_saddr, remote = sock->skc_daddr;
  BPF_SEQ_PRINTF(seq, "%d %pI4:%d %pI4:%d\n", sock->skc_state, (__u64)&local, sock->skc_num,
                 (__u64)&remote, bpf_ntohs(sock->skc_dport));
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
