// SPDX-License-Identifier: MIT
// Look-ups and updates in a hash of 512 hot keys.
#include "bench.h"

#define KEYS 512
struct flow {
  u32 from, to;
  u16 source, target;
  u32 protocol;
};
MAP(table, HASH, struct flow, u64, 1024, BPF_F_ZERO_SEED);

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = 9;
  u64 sum = 0;
  for (u32 i = 0; i < 8192; i++) {
    u32 index = next_random(&random) % KEYS;
    struct flow key = {.from = index * 0x01000193, .to = 10, .source = index, .target = 443,
                       .protocol = 6};
    u64 *value = bpf_map_lookup_elem(&table, &key);
    if (value) {
      sum += ++*value;
    } else {
      u64 one = 1;
      bpf_map_update_elem(&table, &key, &one, BPF_NOEXIST);
    }
  }
  return mix32(sum);
}
