/* SPDX-License-Identifier: MIT
 *
 * Wildcard maps, an extension of beeyard: Linux has no such map type (one was proposed in 2022).
 * A rule says something of several fields: a prefix, a range, a value, or a value that may be
 * missing; a lookup finds the rule with the lowest priority number that covers a packet.
 *
 *   #include <beeyard/wildcard.h>
 *
 *   BPF_WILDCARD_DESC_4(flow,
 *                       BPF_WILDCARD_RULE_PREFIX, __be32, saddr,
 *                       BPF_WILDCARD_RULE_PREFIX, __be32, daddr,
 *                       BPF_WILDCARD_RULE_RANGE, __be16, dport,
 *                       BPF_WILDCARD_RULE_WILDCARD_MATCH, __u8, proto);
 *
 *   struct {
 *     __uint(type, BPF_MAP_TYPE_WILDCARD);
 *     __uint(map_flags, BPF_F_NO_PREALLOC);
 *     __uint(max_entries, 10000);
 *     __type(key, struct flow_key);
 *     __type(value, struct action);
 *   } rules SEC(".maps");
 *
 *   struct flow_key key = {.type = BPF_WILDCARD_KEY_ELEM};
 *   key.elem.saddr = ip->saddr;            // as on the wire
 *   …
 *   struct action *action = bpf_map_lookup_elem(&rules, &key);
 *
 * Numbers in keys are in network order, prefix lengths are plain. A rule is the same struct with
 * type BPF_WILDCARD_KEY_RULE, a priority, and in `rule` the members
 *
 *   PREFIX           saddr, saddr_prefix         sizes 1, 2, 4, 8, 16
 *   RANGE            dport_min, dport_max        sizes 1, 2, 4, 8
 *   MATCH            proto
 *   WILDCARD_MATCH   proto; 0 stands for every value
 *
 * Updates and deletes take rules; other keys give EINVAL. A full map gives E2BIG. Programs that use
 * it load in beeyard only; `beeyard verify --portable` refuses them.
 */
#ifndef BEEYARD_WILDCARD_H
#define BEEYARD_WILDCARD_H

/* Whoever has included vmlinux.h and libbpf's headers has all that is needed. */
#if !defined(__VMLINUX_H__) && !defined(__BPF_HELPERS__)
#include "bpf.h"
#endif

#define BPF_MAP_TYPE_WILDCARD 0xbee1

/* map_extra: how rules are looked for. */
#define BPF_WILDCARD_TUPLE_MERGE 0
#define BPF_WILDCARD_LINEAR 1

/* Field `type` of a key. */
#define BPF_WILDCARD_KEY_RULE 0
#define BPF_WILDCARD_KEY_ELEM 1

#define WILDCARD_ID_BPF_WILDCARD_RULE_PREFIX 0
#define WILDCARD_ID_BPF_WILDCARD_RULE_RANGE 1
#define WILDCARD_ID_BPF_WILDCARD_RULE_MATCH 2
#define WILDCARD_ID_BPF_WILDCARD_RULE_WILDCARD_MATCH 3

#define WILDCARD_RULE_BPF_WILDCARD_RULE_PREFIX(kind, name)                                         \
  kind name;                                                                                       \
  __u32 name##_prefix;
#define WILDCARD_RULE_BPF_WILDCARD_RULE_RANGE(kind, name)                                          \
  kind name##_min;                                                                                 \
  kind name##_max;
#define WILDCARD_RULE_BPF_WILDCARD_RULE_MATCH(kind, name) kind name;
#define WILDCARD_RULE_BPF_WILDCARD_RULE_WILDCARD_MATCH(kind, name) kind name;

/* What is written of one field in each of the three structs. */
#define WILDCARD_DESC_(rule, kind, name) __uint(name, WILDCARD_ID_##rule << 8 | sizeof(kind));
#define WILDCARD_RULE_(rule, kind, name) WILDCARD_RULE_##rule(kind, name)
#define WILDCARD_ELEM_(rule, kind, name) kind name;

/* The same for each of n fields. */
#define WILDCARD_EACH_1(what, rule, kind, name) what(rule, kind, name)
#define WILDCARD_EACH_2(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_1(what, __VA_ARGS__)
#define WILDCARD_EACH_3(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_2(what, __VA_ARGS__)
#define WILDCARD_EACH_4(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_3(what, __VA_ARGS__)
#define WILDCARD_EACH_5(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_4(what, __VA_ARGS__)
#define WILDCARD_EACH_6(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_5(what, __VA_ARGS__)
#define WILDCARD_EACH_7(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_6(what, __VA_ARGS__)
#define WILDCARD_EACH_8(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_7(what, __VA_ARGS__)
#define WILDCARD_EACH_9(what, rule, kind, name, ...)                                               \
  what(rule, kind, name) WILDCARD_EACH_8(what, __VA_ARGS__)

#define WILDCARD_KEY_(name, n, ...)                                                                \
  struct name##_desc {                                                                             \
    __uint(n_rules, n);                                                                            \
    WILDCARD_EACH_##n(WILDCARD_DESC_, __VA_ARGS__)                                                 \
  } __attribute__((packed));                                                                       \
  struct name##_rule {                                                                             \
    WILDCARD_EACH_##n(WILDCARD_RULE_, __VA_ARGS__)                                                 \
  } __attribute__((packed));                                                                       \
  struct name##_elem {                                                                             \
    WILDCARD_EACH_##n(WILDCARD_ELEM_, __VA_ARGS__)                                                 \
  } __attribute__((packed));                                                                       \
  struct name##_key {                                                                              \
    struct name##_desc desc[0];                                                                    \
    __u32 type;                                                                                    \
    __u32 priority;                                                                                \
    union {                                                                                        \
      struct name##_rule rule;                                                                     \
      struct name##_elem elem;                                                                     \
    };                                                                                             \
  }

/* struct <name>_key, <name>_rule and <name>_elem, of fields (rule kind, C type, name). */
#define BPF_WILDCARD_DESC_1(name, ...) WILDCARD_KEY_(name, 1, __VA_ARGS__)
#define BPF_WILDCARD_DESC_2(name, ...) WILDCARD_KEY_(name, 2, __VA_ARGS__)
#define BPF_WILDCARD_DESC_3(name, ...) WILDCARD_KEY_(name, 3, __VA_ARGS__)
#define BPF_WILDCARD_DESC_4(name, ...) WILDCARD_KEY_(name, 4, __VA_ARGS__)
#define BPF_WILDCARD_DESC_5(name, ...) WILDCARD_KEY_(name, 5, __VA_ARGS__)
#define BPF_WILDCARD_DESC_6(name, ...) WILDCARD_KEY_(name, 6, __VA_ARGS__)
#define BPF_WILDCARD_DESC_7(name, ...) WILDCARD_KEY_(name, 7, __VA_ARGS__)
#define BPF_WILDCARD_DESC_8(name, ...) WILDCARD_KEY_(name, 8, __VA_ARGS__)
#define BPF_WILDCARD_DESC_9(name, ...) WILDCARD_KEY_(name, 9, __VA_ARGS__)

#endif
