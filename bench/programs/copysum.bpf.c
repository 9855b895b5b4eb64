// SPDX-License-Identifier: MIT
// Copies 256 KiB, xors and sums it on the way. Native clang uses SIMD here.
#include "bench.h"

#define WORDS 32768
struct buffers {
  u64 from[WORDS], to[WORDS];
};
WORK(struct buffers);

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 1;
  for (u32 i = 0; i < WORDS; i++)
    work.from[i] = (u64)next_random(&random) << 32 | i;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u64 sum = 0, mixed = 0;
  for (u32 i = 0; i < WORDS; i++) {
    u64 word = work.from[i];
    sum += word;
    mixed ^= word;
    work.to[i] = word;
  }
  return mix32(sum + mixed);
}
