// SPDX-License-Identifier: MIT
// Random look-ups in a hash of a million entries: the caches miss.
#include "bench.h"

#define ENTRIES (1 << 20)
MAP(table, HASH, u64, u64, ENTRIES, BPF_F_ZERO_SEED);

static __always_inline u64 key_of(u32 index) { return index * 0x9e3779b97f4a7c15ULL; }

PROGRAM(setup) {
  UNUSED(ctx);
  u32 failed = 0;
  for (u32 i = 0; i < ENTRIES; i++) {
    u64 key = key_of(i), value = i;
    if (bpf_map_update_elem(&table, &key, &value, BPF_ANY))
      failed++;
  }
  return failed;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = 77;
  u64 sum = 0;
  for (u32 i = 0; i < 8192; i++) {
    u64 key = key_of(next_random(&random) % (ENTRIES + ENTRIES / 8));
    u64 *value = bpf_map_lookup_elem(&table, &key);
    if (value)
      sum += ++*value;
  }
  return mix32(sum);
}
