/* Made by beeyard (classifierSource): rules over saddr, daddr, sport, dport, proto. */
#ifndef ACL_CLASSIFIER_H
#define ACL_CLASSIFIER_H

/* A packet's fields, as on the wire. */
struct acl_packet {
  __u32 saddr;
  __u32 daddr;
  __u16 sport;
  __u16 dport;
  __u8 proto;
} __attribute__((packed));

struct acl_rule {
  __u64 first[5];
  __u64 second[5];
  __u32 priority;
  /* Next rule of the same bucket, or 0. */
  __u32 next;
  __u8 value[8] __attribute__((aligned(8)));
};

/* One way to mask fields; in order of their best rules. */
struct acl_table {
  __u64 masks[3];
  __u32 best;
  __u32 used;
};

struct acl_bucket {
  __u64 lanes[3];
  __u64 table;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct acl_table);
} acl_tables SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 20000);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct acl_bucket);
  __type(value, __u32);
} acl_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 20001);
  __type(key, __u32);
  __type(value, struct acl_rule);
} acl_rules SEC(".maps");

struct acl_search {
  __u64 lanes[5];
  void *found;
  __u32 best;
};

static __always_inline int acl_covers(const struct acl_rule *rule, const __u64 *lanes) {
  if ((lanes[0] & rule->second[0]) != rule->first[0]) return 0;
  if ((lanes[1] & rule->second[1]) != rule->first[1]) return 0;
  if (lanes[2] < rule->first[2] || lanes[2] > rule->second[2]) return 0;
  if (lanes[3] < rule->first[3] || lanes[3] > rule->second[3]) return 0;
  if ((lanes[4] & rule->second[4]) != rule->first[4]) return 0;
  return 1;
}

static long acl_look(__u32 index, void *context) {
  struct acl_search *search = context;
  struct acl_table *table = bpf_map_lookup_elem(&acl_tables, &index);
  if (!table || !table->used || table->best >= search->best) return 1;
  struct acl_bucket bucket = {.table = index};
  bucket.lanes[0] = search->lanes[0] & table->masks[0];
  bucket.lanes[1] = search->lanes[1] & table->masks[1];
  bucket.lanes[2] = search->lanes[4] & table->masks[2];
  __u32 *head = bpf_map_lookup_elem(&acl_buckets, &bucket);
  __u32 at = head ? *head : 0;
  for (int i = 0; i < 64 && at; i++) {
    struct acl_rule *rule = bpf_map_lookup_elem(&acl_rules, &at);
    if (!rule || rule->priority >= search->best) return 0;
    if (acl_covers(rule, search->lanes)) {
      search->best = rule->priority;
      search->found = rule->value;
      return 0;
    }
    at = rule->next;
  }
  return 0;
}

/* The value of the rule with the lowest priority number that covers the packet, or NULL. */
static __always_inline void *acl_classify(const struct acl_packet *packet) {
  struct acl_search search = {.best = 0xffffffff};
  search.lanes[0] = __builtin_bswap32(packet->saddr);
  search.lanes[1] = __builtin_bswap32(packet->daddr);
  search.lanes[2] = __builtin_bswap16(packet->sport);
  search.lanes[3] = __builtin_bswap16(packet->dport);
  search.lanes[4] = packet->proto;
  bpf_loop(1024, acl_look, &search, 0);
  return search.found;
}

#endif
