/* SPDX-License-Identifier: MIT
 *
 * Programs of maps of sockets and of groups that share a port (include/uapi/linux/bpf.h of Linux
 * 6.12). Written for beeyard.
 */
#ifndef BEEYARD_SOCKMAP_H
#define BEEYARD_SOCKMAP_H

#include <beeyard/sockets.h>

struct sk_msg_md {
  union {
    void *data;
    __u64 : 64;
  };
  union {
    void *data_end;
    __u64 : 64;
  };
  __u32 family;
  __u32 remote_ip4;
  __u32 local_ip4;
  __u32 remote_ip6[4];
  __u32 local_ip6[4];
  __u32 remote_port; /* network order, in the upper half */
  __u32 local_port;  /* host order */
  __u32 size;
  union {
    struct bpf_sock *sk;
    __u64 : 64;
  };
};

struct sk_reuseport_md {
  union {
    void *data;
    __u64 : 64;
  };
  union {
    void *data_end;
    __u64 : 64;
  };
  __u32 len;
  __u32 eth_protocol; /* network order */
  __u32 ip_protocol;
  __u32 bind_inany;
  __u32 hash;
  union {
    struct bpf_sock *sk;
    __u64 : 64;
  };
  union {
    struct bpf_sock *migrating_sk;
    __u64 : 64;
  };
};

HELPER_(52, long, bpf_sk_redirect_map, struct __sk_buff *skb, void *map, __u32 key, __u64 flags);
HELPER_(60, long, bpf_msg_redirect_map, struct sk_msg_md *msg, void *map, __u32 key, __u64 flags);
HELPER_(61, long, bpf_msg_apply_bytes, struct sk_msg_md *msg, __u32 bytes);
HELPER_(62, long, bpf_msg_cork_bytes, struct sk_msg_md *msg, __u32 bytes);
HELPER_(63, long, bpf_msg_pull_data, struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags);
HELPER_(71, long, bpf_msg_redirect_hash, struct sk_msg_md *msg, void *map, void *key, __u64 flags);
HELPER_(72, long, bpf_sk_redirect_hash, struct __sk_buff *skb, void *map, void *key, __u64 flags);
HELPER_(82, long, bpf_sk_select_reuseport, struct sk_reuseport_md *reuse, void *map, void *key,
        __u64 flags);
HELPER_(90, long, bpf_msg_push_data, struct sk_msg_md *msg, __u32 start, __u32 len, __u64 flags);
HELPER_(91, long, bpf_msg_pop_data, struct sk_msg_md *msg, __u32 start, __u32 len, __u64 flags);

#endif
