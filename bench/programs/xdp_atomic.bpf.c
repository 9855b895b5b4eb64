// SPDX-License-Identifier: MIT
// Four atomic additions a packet.
#include "bench.h"

struct counter {
  u64 packets, bytes, small, large;
};
MAP(totals, ARRAY, u32, struct counter, 4, 0);

PROGRAM(run) {
  u32 length = ctx->data_end - ctx->data, key = length & 3;
  struct counter *total = bpf_map_lookup_elem(&totals, &key);
  if (!total)
    return XDP_ABORTED;
  __sync_fetch_and_add(&total->packets, 1);
  __sync_fetch_and_add(&total->bytes, length);
  __sync_fetch_and_add(length < 128 ? &total->small : &total->large, 1);
  __sync_fetch_and_add(length < 1024 ? &total->small : &total->large, length);
  return XDP_PASS;
}

PROGRAM(check) {
  UNUSED(ctx);
  u64 digest = 0;
  for (u32 key = 0; key < 4; key++) {
    struct counter *total = bpf_map_lookup_elem(&totals, &key);
    if (total)
      digest = digest * 31 + total->packets + total->bytes * 3 + total->small * 5 + total->large;
  }
  return mix32(digest);
}
