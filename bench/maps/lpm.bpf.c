// SPDX-License-Identifier: MIT
// Routes: 500,000 IPv4 prefixes and 50,000 IPv6 prefixes, their lengths spread about as in the
// Internet's routing table.
#include "bench.h"

#define ROUTES4 500000
#define ROUTES6 50000
#define BATCH 4096

u32 state = 5;

struct prefix4 {
  u32 length;
  u32 address;
};
struct prefix6 {
  u32 length;
  u32 address[4];
};

MAP(routes4, LPM_TRIE, struct prefix4, u64, ROUTES4, BPF_F_NO_PREALLOC);
MAP(routes6, LPM_TRIE, struct prefix6, u64, ROUTES6, BPF_F_NO_PREALLOC);

static __always_inline u32 scramble(u32 x) {
  x ^= x >> 16;
  x *= 0x7feb352d;
  x ^= x >> 15;
  x *= 0x846ca68b;
  return x ^ x >> 16;
}

/* Of 1,000 prefixes: how long they are. */
static __always_inline u32 length4(u32 share) {
  if (share < 600) return 24;
  if (share < 700) return 23;
  if (share < 815) return 22;
  if (share < 865) return 21;
  if (share < 910) return 20;
  if (share < 937) return 19;
  if (share < 951) return 18;
  if (share < 959) return 17;
  if (share < 973) return 16;
  if (share < 988) return 15 - (share - 973) / 3;
  return 8 + (share & 3);
}

static __always_inline u32 length6(u32 share) {
  if (share < 450) return 48;
  if (share < 590) return 32;
  if (share < 670) return 44;
  if (share < 760) return 40;
  if (share < 830) return 36;
  if (share < 880) return 29;
  if (share < 930) return 46;
  return 33 + share % 31;
}

/* The number of a route is all that makes it: from 1.0.0.0 to 223.255.255.255. */
static __always_inline void route4(struct prefix4 *key, u32 index) {
  u32 random = scramble(index + 1);
  key->length = length4(below(scramble(random), 1000));
  u32 address = 0x01000000 + below(random, 0xdf000000);
  key->address = bpf_htonl(address & ~0u << (32 - key->length));
}

/* Below 2000::/3, in clusters as registries give them out. */
static __always_inline void route6(struct prefix6 *key, u32 index) {
  u32 random = scramble(index + 1), low = scramble(random);
  key->length = length6(below(scramble(low), 1000));
  u32 high = 0x20000000 | (random & 0x01ff0000) | (random & 7) << 8 | (low & 0xff);
  u32 more = scramble(low + 1);
  if (key->length < 32) {
    high &= ~0u << (32 - key->length);
    more = 0;
  } else {
    more &= key->length == 32 ? 0 : ~0u << (64 - key->length);
  }
  key->address[0] = bpf_htonl(high);
  key->address[1] = bpf_htonl(more);
  key->address[2] = key->address[3] = 0;
}

PROGRAM(setup_4) {
  u32 failed = 0;
  for (u32 i = 0; i < ROUTES4; i++) {
    struct prefix4 key;
    u64 hop = i;
    route4(&key, i);
    failed += bpf_map_update_elem(&routes4, &key, &hop, BPF_ANY) != 0;
  }
  return failed;
}

/* Half of the addresses are in a route for sure, the others anywhere. */
PROGRAM(lookup_4) {
  u32 random = state;
  u64 sum = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct prefix4 key;
    u32 number = next_random(&random);
    route4(&key, below(number, ROUTES4));
    key.address = number & 1 ? number : key.address | bpf_htonl(number & (0xffffffffu >> key.length));
    key.length = 32;
    u64 *hop = bpf_map_lookup_elem(&routes4, &key);
    sum += hop ? *hop : 1;
  }
  state = random;
  return mix32(sum);
}

/* Routes that change their hop. */
PROGRAM(update_4) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct prefix4 key;
    u64 hop = random;
    route4(&key, below(next_random(&random), ROUTES4));
    failed += bpf_map_update_elem(&routes4, &key, &hop, BPF_ANY) != 0;
  }
  state = random;
  return failed;
}

/* Routes that go, and come back. */
PROGRAM(churn_4) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH / 2; i++) {
    struct prefix4 key;
    route4(&key, below(next_random(&random), ROUTES4));
    failed += bpf_map_delete_elem(&routes4, &key) != 0;
  }
  random = state;
  for (u32 i = 0; i < BATCH / 2; i++) {
    struct prefix4 key;
    u64 hop = random;
    route4(&key, below(next_random(&random), ROUTES4));
    failed += bpf_map_update_elem(&routes4, &key, &hop, BPF_ANY) != 0;
  }
  state = random;
  return failed;
}

/* What is found for addresses all over. */
PROGRAM(check_4) {
  u64 digest = 0;
  for (u32 i = 0; i < 200000; i++) {
    struct prefix4 key = {.length = 32, .address = scramble(i)};
    u64 *hop = bpf_map_lookup_elem(&routes4, &key);
    digest = digest * 31 + (hop ? *hop : 1);
  }
  return mix32(digest);
}

PROGRAM(setup_6) {
  u32 failed = 0;
  for (u32 i = 0; i < ROUTES6; i++) {
    struct prefix6 key;
    u64 hop = i;
    route6(&key, i);
    failed += bpf_map_update_elem(&routes6, &key, &hop, BPF_ANY) != 0;
  }
  return failed;
}

PROGRAM(lookup_6) {
  u32 random = state;
  u64 sum = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct prefix6 key;
    u32 number = next_random(&random);
    route6(&key, below(number, ROUTES6 + ROUTES6 / 8));
    key.address[2] = number;
    key.length = 128;
    u64 *hop = bpf_map_lookup_elem(&routes6, &key);
    sum += hop ? *hop : 1;
  }
  state = random;
  return mix32(sum);
}

PROGRAM(check_6) {
  u64 digest = 0;
  for (u32 i = 0; i < ROUTES6 * 2; i++) {
    struct prefix6 key;
    route6(&key, i);
    key.address[3] = i;
    key.length = 128;
    u64 *hop = bpf_map_lookup_elem(&routes6, &key);
    digest = digest * 31 + (hop ? *hop : 1);
  }
  return mix32(digest);
}
