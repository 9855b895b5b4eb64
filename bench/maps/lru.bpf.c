// SPDX-License-Identifier: MIT
// LRU hash maps: where nearly all look-ups find their flow, and where most have to evict one.
#include "bench.h"

#define ENTRIES 65536
#define FLOWS 60000
#define BATCH 4096

u32 state = 11;

struct flow {
  u32 from, to, ports, protocol;
};

struct flow_state {
  u64 packets, bytes;
};

/* Flows that fit, with some churn; flows that do not; a small table that fits. */
MAP(hits, LRU_HASH, struct flow, struct flow_state, ENTRIES, BPF_F_ZERO_SEED);
MAP(misses, LRU_HASH, struct flow, struct flow_state, ENTRIES, BPF_F_ZERO_SEED);
MAP(small, LRU_HASH, u64, u64, 1024, BPF_F_ZERO_SEED);

static __always_inline void flow_of(struct flow *flow, u32 index) {
  flow->from = index * 0x01000193;
  flow->to = 0x0a000001;
  flow->ports = index << 16 | 443;
  flow->protocol = 6;
}

/* A packet's flow, out of 60,000, of which some come more often than others. */
PROGRAM(hit) {
  u32 random = state, begun = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct flow flow;
    u32 number = next_random(&random);
    flow_of(&flow, below(number, below(number * 0x9e3779b1, FLOWS) + 1));
    struct flow_state *known = bpf_map_lookup_elem(&hits, &flow);
    if (known) {
      known->packets++;
      known->bytes += 64 + (number & 1023);
      continue;
    }
    struct flow_state fresh = {.packets = 1, .bytes = 64};
    begun += bpf_map_update_elem(&hits, &flow, &fresh, BPF_ANY) == 0;
  }
  state = random;
  return begun;
}

/* Every flow as likely as any other, eight times as many as there is room for. */
PROGRAM(evict) {
  u32 random = state, begun = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct flow flow;
    flow_of(&flow, below(next_random(&random), ENTRIES * 8));
    struct flow_state *known = bpf_map_lookup_elem(&misses, &flow);
    if (known) {
      known->packets++;
      continue;
    }
    struct flow_state fresh = {.packets = 1, .bytes = 64};
    begun += bpf_map_update_elem(&misses, &flow, &fresh, BPF_ANY) == 0;
  }
  state = random;
  return begun;
}

#define FILL(name, table, FLOWS)                                                                   \
  PROGRAM(name) {                                                                                  \
    u32 failed = 0;                                                                                \
    for (u32 i = 0; i < FLOWS; i++) {                                                              \
      struct flow flow;                                                                            \
      struct flow_state fresh = {.packets = 0, .bytes = i};                                        \
      flow_of(&flow, i);                                                                           \
      failed += bpf_map_update_elem(&table, &flow, &fresh, BPF_ANY) != 0;                          \
    }                                                                                              \
    return failed;                                                                                 \
  }

FILL(setup_hit, hits, FLOWS)
FILL(setup_evict, misses, ENTRIES * 2)

/* Look-ups in a table that stays in the cache. */
PROGRAM(hit_few) {
  u32 random = state, begun = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u64 key = below(next_random(&random), 800), one = 1;
    u64 *value = bpf_map_lookup_elem(&small, &key);
    if (value)
      ++*value;
    else
      begun += bpf_map_update_elem(&small, &key, &one, BPF_ANY) == 0;
  }
  state = random;
  return begun;
}

/* Which flows are left, in which order, and what was counted. */
static long digest_flow(void *map, const struct flow *flow, struct flow_state *value, u64 *digest) {
  (void)map;
  *digest = (*digest ^ flow->from) * 0x100000001b3ULL + value->packets + value->bytes;
  return 0;
}

static long digest_few(void *map, const u64 *key, u64 *value, u64 *digest) {
  (void)map;
  *digest = (*digest ^ *key) * 0x100000001b3ULL + *value;
  return 0;
}

PROGRAM(check_hit) {
  u64 digest = 0;
  bpf_for_each_map_elem(&hits, digest_flow, &digest, 0);
  return mix32(digest);
}

PROGRAM(check_evict) {
  u64 digest = 0;
  bpf_for_each_map_elem(&misses, digest_flow, &digest, 0);
  return mix32(digest);
}

PROGRAM(check_few) {
  u64 digest = 0;
  bpf_for_each_map_elem(&small, digest_few, &digest, 0);
  return mix32(digest);
}
