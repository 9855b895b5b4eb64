/* SPDX-License-Identifier: MIT
 *
 * Programs of cgroups: sockets, addresses, options (include/uapi/linux/bpf.h of Linux 6.12). Written for
 * beeyard.
 */
#ifndef BEEYARD_CGROUP_H
#define BEEYARD_CGROUP_H

#include <beeyard/sockets.h>

struct bpf_sock_addr {
  __u32 user_family;
  __be32 user_ip4;
  __be32 user_ip6[4];
  __u32 user_port; /* network order */
  __u32 family;
  __u32 type;
  __u32 protocol;
  __be32 msg_src_ip4;
  __be32 msg_src_ip6[4];
  __bpf_md_ptr(struct bpf_sock *, sk);
};

struct bpf_sockopt {
  __bpf_md_ptr(struct bpf_sock *, sk);
  __bpf_md_ptr(void *, optval);
  __bpf_md_ptr(void *, optval_end);
  __s32 level;
  __s32 optname;
  __s32 optlen;
  __s32 retval;
};

struct bpf_cgroup_dev_ctx {
  __u32 access_type; /* access << 16 | type */
  __u32 major;
  __u32 minor;
};

#if defined(__bpf__) || defined(__BPF__)
HELPER_(49, long, bpf_setsockopt, void *ctx, int level, int name, void *value, int size);
HELPER_(57, long, bpf_getsockopt, void *ctx, int level, int name, void *value, int size);
HELPER_(64, long, bpf_bind, struct bpf_sock_addr *ctx, void *address, int size);
HELPER_(79, __u64, bpf_skb_cgroup_id, struct __sk_buff *skb);
HELPER_(80, __u64, bpf_get_current_cgroup_id, void);
HELPER_(186, int, bpf_get_retval, void);
HELPER_(187, int, bpf_set_retval, int retval);
#endif

#endif /* BEEYARD_CGROUP_H */
