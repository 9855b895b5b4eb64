/* SPDX-License-Identifier: MIT
 *
 * An access list in a wildcard map (an extension of beeyard, see <beeyard/wildcard.h>).
 */
#include "tuple.h"
#include <beeyard/wildcard.h>

BPF_WILDCARD_DESC_5(flow, BPF_WILDCARD_RULE_PREFIX, __be32, saddr, BPF_WILDCARD_RULE_PREFIX, __be32,
                    daddr, BPF_WILDCARD_RULE_RANGE, __be16, sport, BPF_WILDCARD_RULE_RANGE, __be16,
                    dport, BPF_WILDCARD_RULE_WILDCARD_MATCH, __u8, proto);

struct action {
  __u32 verdict;
  __u32 hits;
};

struct {
  __uint(type, BPF_MAP_TYPE_WILDCARD);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 20000);
  __type(key, struct flow_key);
  __type(value, struct action);
} rules SEC(".maps");

SEC("xdp")
int access_list(struct xdp_md *ctx) {
  struct flow_key key = {.type = BPF_WILDCARD_KEY_ELEM};
  if (!READ_TUPLE(ctx, &key.elem)) return XDP_PASS;
  struct action *action = bpf_map_lookup_elem(&rules, &key);
  if (!action) return XDP_PASS;
  __sync_fetch_and_add(&action->hits, 1);
  return action->verdict;
}

LICENSE("GPL");
