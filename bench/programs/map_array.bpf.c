// SPDX-License-Identifier: MIT
// Counts in an array map, one look-up each.
#include "bench.h"

#define SLOTS 1024
MAP(counters, ARRAY, u32, u64, SLOTS, 0);

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = 17, missed = 0;
  for (u32 i = 0; i < 16384; i++) {
    u32 key = next_random(&random) % SLOTS;
    u64 *count = bpf_map_lookup_elem(&counters, &key);
    if (count)
      *count += i;
    else
      missed++;
  }
  return random + missed;
}

PROGRAM(check) {
  UNUSED(ctx);
  u64 digest = 0;
  for (u32 key = 0; key < SLOTS; key++) {
    u64 *count = bpf_map_lookup_elem(&counters, &key);
    digest = digest * 31 + (count ? *count : 1);
  }
  return mix32(digest);
}
