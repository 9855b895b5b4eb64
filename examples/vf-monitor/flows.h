/* SPDX-License-Identifier: MIT
 *
 * Counts by port and 5-tuple, for programs that watch virtual functions.
 */
#ifndef FLOWS_H
#define FLOWS_H

#include <beeyard/net.h>

// What the function sent comes in by its representor; what goes out by that the function gets.
enum { FROM_VF = 0, TO_VF = 1 };

struct flow {
  __u32 ifindex;
  __u8 direction;
  __u8 version;
  __u8 protocol;
  __u8 unused;
  __be16 source_port;
  __be16 port;
  // IPv4 in the first four bytes.
  __u8 source[16];
  __u8 destination[16];
};

struct port {
  __u32 ifindex;
  __u32 direction;
};

struct count {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, struct flow);
  __type(value, struct count);
} flows SEC(".maps");

// All frames, those without a 5-tuple too.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct port);
  __type(value, struct count);
} ports SEC(".maps");

// Flows that found no room in the table.
__u64 untracked;

static __always_inline struct count *count_in(void *map, void *key) {
  struct count *count = bpf_map_lookup_elem(map, key);
  struct count none = {0, 0};
  if (count) return count;
  bpf_map_update_elem(map, key, &none, BPF_NOEXIST);
  return bpf_map_lookup_elem(map, key);
}

static __always_inline void add(struct count *count, __u32 bytes) {
  __sync_fetch_and_add(&count->packets, 1);
  __sync_fetch_and_add(&count->bytes, bytes);
}

// A frame of `length` bytes: with a 5-tuple if `known`.
static __always_inline void tally(struct flow *flow, int known, __u32 length) {
  struct port port = {.ifindex = flow->ifindex, .direction = flow->direction};
  struct count *count = count_in(&ports, &port);
  if (count) add(count, length);
  if (!known) return;
  count = count_in(&flows, flow);
  if (count) add(count, length);
  else __sync_fetch_and_add(&untracked, 1);
}

static __always_inline int has_ports(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

// True if ports follow. Only the first fragment has some, so none of them is counted by port.
static __always_inline int set_ipv4(struct flow *flow, const struct iphdr *ip) {
  flow->version = 4;
  flow->protocol = ip->protocol;
  __builtin_memcpy(flow->source, &ip->saddr, 4);
  __builtin_memcpy(flow->destination, &ip->daddr, 4);
  return !(ip->frag_off & bpf_htons(0x3fff)) && ip->ihl == 5 && has_ports(ip->protocol);
}

static __always_inline int set_ipv6(struct flow *flow, const struct ipv6hdr *ip) {
  flow->version = 6;
  flow->protocol = ip->nexthdr;
  __builtin_memcpy(flow->source, &ip->saddr, 16);
  __builtin_memcpy(flow->destination, &ip->daddr, 16);
  return has_ports(ip->nexthdr);
}

#endif
