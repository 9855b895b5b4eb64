// SPDX-License-Identifier: MIT
// Counts amounts of every size in a quantile sketch.
#include "bench.h"
#include <beeyard/sketch.h>

#define PRECISION 6
#define HIGH_BITS 42
#define BUCKETS SKETCH_BUCKETS(PRECISION, 0, HIGH_BITS)
MAP(latency, PERCPU_ARRAY, u32, u64, BUCKETS, 0);

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = 17;
  for (u32 i = 0; i < 16384; i++) {
    /* As many of 10 bits as of 40. */
    u64 amount = (u64)next_random(&random) << 10 >> (random & 31);
    sketch_count_(&latency, sketch_bucket_(amount, PRECISION, 0, HIGH_BITS), 1);
  }
  return random;
}

PROGRAM(check) {
  UNUSED(ctx);
  u64 digest = 0;
  for (u32 key = 0; key < BUCKETS; key++) {
    u64 *count = bpf_map_lookup_elem(&latency, &key);
    digest = digest * 31 + (count ? *count : 1);
  }
  return mix32(digest);
}
