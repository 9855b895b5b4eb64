// SPDX-License-Identifier: MIT
// Murmur's 64-bit finisher and a population count, one after the other: multiplies and shifts.
#include "bench.h"

PROGRAM(run) {
  UNUSED(ctx);
  u64 h = 0x123456789abcdefULL;
  u32 bits = 0;
  for (u32 i = 0; i < 12000; i++) {
    h += i;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ULL;
    h ^= h >> 33;
    u64 x = h - (h >> 1 & 0x5555555555555555ULL);
    x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
    bits += x * 0x0101010101010101ULL >> 56;
  }
  return mix32(h) + bits;
}
