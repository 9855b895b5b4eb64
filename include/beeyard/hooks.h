/* SPDX-License-Identifier: MIT
 *
 * Hooks at no device: netfilter, flow dissectors, programs of routes (include/uapi/linux/bpf.h and
 * types of Linux 6.12). Of the kernel's structs only the members programs here read: they are found
 * by name. Written for beeyard.
 */
#ifndef BEEYARD_HOOKS_H
#define BEEYARD_HOOKS_H

#include <beeyard/net.h>

#define NF_DROP 0
#define NF_ACCEPT 1

enum bpf_ret_code {
  BPF_OK = 0,
  BPF_DROP = 2,
  BPF_REDIRECT = 7,
  BPF_LWT_REROUTE = 128,
  BPF_FLOW_DISSECTOR_CONTINUE = 129,
};

enum {
  BPF_LWT_ENCAP_SEG6 = 0,
  BPF_LWT_ENCAP_SEG6_INLINE = 1,
  BPF_LWT_ENCAP_IP = 2,
};

struct bpf_flow_keys {
  __u16 nhoff;
  __u16 thoff;
  __u16 addr_proto; /* ETH_P_* of the addresses */
  __u8 is_frag;
  __u8 is_first_frag;
  __u8 is_encap;
  __u8 ip_proto;
  __be16 n_proto;
  __be16 sport;
  __be16 dport;
  union {
    struct {
      __be32 ipv4_src;
      __be32 ipv4_dst;
    };
    struct {
      __u32 ipv6_src[4];
      __u32 ipv6_dst[4];
    };
  };
  __u32 flags;
  __be32 flow_label;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
  int ifindex;
};

struct nf_hook_state {
  __u8 hook;
  __u8 pf;
  struct net_device *in;
  struct net_device *out;
};

struct sk_buff {
  unsigned int len;
  __u32 mark;
  struct net_device *dev;
};

#pragma clang attribute pop

struct bpf_nf_ctx {
  const struct nf_hook_state *state;
  struct sk_buff *skb;
};

HELPER_(73, long, bpf_lwt_push_encap, struct __sk_buff *skb, __u32 type, void *header,
        __u32 length);

#endif
