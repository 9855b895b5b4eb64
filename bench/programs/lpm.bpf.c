// SPDX-License-Identifier: MIT
// Routes: a trie of 50,000 IPv4 prefixes.
#include "bench.h"

#define ROUTES 50000
struct prefix {
  u32 length;
  u8 address[4];
};
MAP(routes, LPM_TRIE, struct prefix, u32, ROUTES, BPF_F_NO_PREALLOC);

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 2, failed = 0;
  for (u32 i = 0; i < ROUTES; i++) {
    u32 address = next_random(&random), hop = i;
    struct prefix key = {.length = 8 + next_random(&random) % 25};
    address &= bpf_htonl(~0u << (32 - key.length));
    memcpy(key.address, &address, 4);
    failed += bpf_map_update_elem(&routes, &key, &hop, BPF_ANY) != 0;
  }
  return failed;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = 1234567, sum = 0;
  for (u32 i = 0; i < 4096; i++) {
    struct prefix key = {.length = 32};
    u32 address = next_random(&random);
    memcpy(key.address, &address, 4);
    u32 *hop = bpf_map_lookup_elem(&routes, &key);
    sum += hop ? *hop : 1;
  }
  return sum;
}
