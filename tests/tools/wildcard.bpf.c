/* SPDX-License-Identifier: MIT
 *
 * Wildcard maps of several shapes. `classify` looks up the 5-tuple in a packet's first 13 bytes,
 * `change` updates and deletes as a program does.
 */
#include <beeyard/bpf.h>
#include <beeyard/wildcard.h>

BPF_WILDCARD_DESC_5(v4, BPF_WILDCARD_RULE_PREFIX, __be32, saddr, BPF_WILDCARD_RULE_PREFIX, __be32,
                    daddr, BPF_WILDCARD_RULE_RANGE, __be16, sport, BPF_WILDCARD_RULE_RANGE, __be16,
                    dport, BPF_WILDCARD_RULE_WILDCARD_MATCH, __u8, proto);

struct in6 {
  __u8 bytes[16];
};
BPF_WILDCARD_DESC_5(v6, BPF_WILDCARD_RULE_PREFIX, struct in6, saddr, BPF_WILDCARD_RULE_PREFIX,
                    struct in6, daddr, BPF_WILDCARD_RULE_RANGE, __be16, sport,
                    BPF_WILDCARD_RULE_RANGE, __be16, dport, BPF_WILDCARD_RULE_WILDCARD_MATCH, __u8,
                    proto);

BPF_WILDCARD_DESC_6(mixed, BPF_WILDCARD_RULE_MATCH, __be32, netns, BPF_WILDCARD_RULE_RANGE, __u64,
                    cookie, BPF_WILDCARD_RULE_PREFIX, __u8, tos, BPF_WILDCARD_RULE_RANGE, __be32,
                    mark, BPF_WILDCARD_RULE_PREFIX, __be16, vlan, BPF_WILDCARD_RULE_WILDCARD_MATCH,
                    __u64, label);

#define RULES(name, shape, extra)                                                                  \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_WILDCARD);                                                           \
    __uint(map_flags, BPF_F_NO_PREALLOC);                                                          \
    __uint(map_extra, extra);                                                                      \
    __uint(max_entries, 2000);                                                                     \
    __type(key, struct shape##_key);                                                               \
    __type(value, __u64);                                                                          \
  } name SEC(".maps")

RULES(rules_v4, v4, BPF_WILDCARD_TUPLE_MERGE);
RULES(linear_v4, v4, BPF_WILDCARD_LINEAR);
RULES(rules_v6, v6, BPF_WILDCARD_TUPLE_MERGE);
RULES(rules_mixed, mixed, BPF_WILDCARD_TUPLE_MERGE);

SEC("xdp")
int classify(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  struct v4_key key = {.type = BPF_WILDCARD_KEY_ELEM};
  if (data + sizeof(key.elem) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  memcpy(&key.elem, data, sizeof(key.elem));
  __u64 *value = bpf_map_lookup_elem(&rules_v4, &key);
  return value ? *value : XDP_PASS;
}

SEC("xdp")
int change(struct xdp_md *ctx) {
  struct v4_key key = {.type = BPF_WILDCARD_KEY_RULE, .priority = 7};
  __u64 value = XDP_DROP;
  (void)ctx;
  key.rule.sport_max = key.rule.dport_max = 0xffff;
  if (bpf_map_update_elem(&rules_v4, &key, &value, BPF_NOEXIST)) return XDP_ABORTED;
  if (bpf_map_update_elem(&rules_v4, &key, &value, BPF_NOEXIST) != -17) return XDP_ABORTED;
  __u64 *found = bpf_map_lookup_elem(&rules_v4, &key);
  if (!found || *found != XDP_DROP) return XDP_ABORTED;
  if (bpf_map_delete_elem(&rules_v4, &key)) return XDP_ABORTED;
  key.type = BPF_WILDCARD_KEY_ELEM;
  if (bpf_map_delete_elem(&rules_v4, &key) != -22) return XDP_ABORTED;
  return XDP_PASS;
}

LICENSE("GPL");
