/* SPDX-License-Identifier: MIT
 *
 * Sockets: looking them up, choosing them, and iterators over them (include/uapi/linux/bpf.h of
 * Linux 6.12). Written for beeyard.
 */
#ifndef BEEYARD_SOCKETS_H
#define BEEYARD_SOCKETS_H

#include <beeyard/net.h>

#define AF_INET 2
#define AF_INET6 10

#define BPF_F_CURRENT_NETNS (-1)
#define BPF_SK_LOOKUP_F_REPLACE 1
#define BPF_SK_LOOKUP_F_NO_REUSEPORT 2

enum { SK_DROP = 0, SK_PASS = 1 };

struct bpf_sock {
  __u32 bound_dev_if;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 mark;
  __u32 priority;
  __be32 src_ip4;
  __be32 src_ip6[4];
  __u32 src_port; /* host order */
  __be16 dst_port;
  __u16 : 16;
  __be32 dst_ip4;
  __be32 dst_ip6[4];
  __u32 state;
  __s32 rx_queue_mapping;
};

struct bpf_tcp_sock {
  __u32 snd_cwnd;
  __u32 srtt_us;
  __u32 rtt_min;
  __u32 snd_ssthresh;
  __u32 rcv_nxt;
  __u32 snd_nxt;
  __u32 snd_una;
  __u32 mss_cache;
};

struct bpf_sock_tuple {
  union {
    struct {
      __be32 saddr;
      __be32 daddr;
      __be16 sport;
      __be16 dport;
    } ipv4;
    struct {
      __be32 saddr[4];
      __be32 daddr[4];
      __be16 sport;
      __be16 dport;
    } ipv6;
  };
};

struct bpf_sk_lookup {
  union {
    struct bpf_sock *sk;
    __u64 cookie;
  };
  __u32 family;
  __u32 protocol;
  __be32 remote_ip4;
  __be32 remote_ip6[4];
  __be16 remote_port;
  __u16 : 16;
  __be32 local_ip4;
  __be32 local_ip6[4];
  __u32 local_port; /* host order */
  __u32 ingress_ifindex;
};

struct seq_file;

HELPER_(46, __u64, bpf_get_socket_cookie, void *ctx);
HELPER_(84, struct bpf_sock *, bpf_sk_lookup_tcp, void *ctx, struct bpf_sock_tuple *tuple,
        __u32 size, __u64 netns, __u64 flags);
HELPER_(85, struct bpf_sock *, bpf_sk_lookup_udp, void *ctx, struct bpf_sock_tuple *tuple,
        __u32 size, __u64 netns, __u64 flags);
HELPER_(86, long, bpf_sk_release, void *sock);
HELPER_(95, struct bpf_sock *, bpf_sk_fullsock, struct bpf_sock *sock);
HELPER_(96, struct bpf_tcp_sock *, bpf_tcp_sock, struct bpf_sock *sock);
HELPER_(98, struct bpf_sock *, bpf_get_listener_sock, struct bpf_sock *sock);
HELPER_(99, struct bpf_sock *, bpf_skc_lookup_tcp, void *ctx, struct bpf_sock_tuple *tuple,
        __u32 size, __u64 netns, __u64 flags);
HELPER_(124, long, bpf_sk_assign, void *ctx, void *sock, __u64 flags);
HELPER_(126, long, bpf_seq_printf, struct seq_file *seq, const char *format, __u32 format_size,
        const void *data, __u32 data_size);
HELPER_(127, long, bpf_seq_write, struct seq_file *seq, const void *data, __u32 size);

/* Values are given as a list, which bpf_seq_printf takes as 64-bit numbers. */
#define BPF_SEQ_PRINTF(seq, format, ...)                                                           \
  ({                                                                                               \
    static const char format_[] = format;                                                          \
    __u64 values_[] = {__VA_ARGS__};                                                               \
    bpf_seq_printf(seq, format_, sizeof(format_), values_, sizeof(values_));                       \
  })

#endif
