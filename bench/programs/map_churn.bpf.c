// SPDX-License-Identifier: MIT
// Inserts into and deletes from a hash: a table of open requests.
#include "bench.h"

MAP(open, HASH, u64, u64, 4096, BPF_F_ZERO_SEED);

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = 23, failed = 0;
  u64 sum = 0;
  for (u32 i = 0; i < 2048; i++) {
    u64 key = next_random(&random) | (u64)i << 32, value = i;
    failed += bpf_map_update_elem(&open, &key, &value, BPF_ANY) != 0;
  }
  random = 23;
  for (u32 i = 0; i < 2048; i++) {
    u64 key = next_random(&random) | (u64)i << 32;
    u64 *value = bpf_map_lookup_elem(&open, &key);
    if (value)
      sum += *value;
    failed += bpf_map_delete_elem(&open, &key) != 0;
  }
  return mix32(sum) + failed;
}
