// SPDX-License-Identifier: MIT
// Counts per CPU: one look-up in a per-CPU array a packet.
#include "bench.h"

MAP(counts, PERCPU_ARRAY, u32, u64, 64, 0);

PROGRAM(run) {
  u32 key = (ctx->data_end - ctx->data) >> 5 & 63;
  u64 *count = bpf_map_lookup_elem(&counts, &key);
  if (count)
    ++*count;
  return XDP_PASS;
}

PROGRAM(check) {
  UNUSED(ctx);
  u64 digest = 0;
  for (u32 key = 0; key < 64; key++) {
    u64 *count = bpf_map_lookup_elem(&counts, &key);
    digest = digest * 31 + (count ? *count : 0);
  }
  return mix32(digest);
}
