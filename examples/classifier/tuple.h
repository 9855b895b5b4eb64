/* SPDX-License-Identifier: MIT
 * The 5-tuple of an IPv4 packet.
 */
#ifndef TUPLE_H
#define TUPLE_H

#include <beeyard/net.h>

/* Fills saddr, daddr, sport, dport and proto of anything that has them; false if there are none. */
#define READ_TUPLE(ctx, tuple)                                                                     \
  ({                                                                                               \
    void *data_ = (void *)(long)(ctx)->data, *end_ = (void *)(long)(ctx)->data_end;                \
    struct ethhdr *eth_ = data_;                                                                   \
    struct iphdr *ip_ = data_ + sizeof(*eth_);                                                     \
    __be16 *ports_ = (void *)(ip_ + 1);                                                            \
    int is_ip_ = (void *)(ip_ + 1) <= end_ && eth_->h_proto == bpf_htons(ETH_P_IP) &&              \
                 ip_->ihl == 5;                                                                    \
    if (is_ip_) {                                                                                  \
      (tuple)->saddr = ip_->saddr;                                                                 \
      (tuple)->daddr = ip_->daddr;                                                                 \
      (tuple)->proto = ip_->protocol;                                                              \
      int has_ports_ = (void *)(ports_ + 2) <= end_ &&                                             \
                       (ip_->protocol == IPPROTO_TCP || ip_->protocol == IPPROTO_UDP);             \
      (tuple)->sport = has_ports_ ? ports_[0] : 0;                                                 \
      (tuple)->dport = has_ports_ ? ports_[1] : 0;                                                 \
    }                                                                                              \
    is_ip_;                                                                                        \
  })

#endif
