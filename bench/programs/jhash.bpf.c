// SPDX-License-Identifier: MIT
// Jenkins' lookup3 over 64 KiB in keys of 40 bytes: what a flow hash costs.
#include "bench.h"

#define BYTES 65536
struct text {
  u32 words[BYTES / 4];
};
WORK(struct text);

static __always_inline u32 rotate(u32 x, int bits) { return x << bits | x >> (32 - bits); }

static __always_inline u32 hash40(const u32 *k, u32 seed) {
  u32 a = 0xdeadbeef + 40 + seed, b = a, c = a;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 3; i++, k += 3) {
    a += k[0], b += k[1], c += k[2];
    a -= c, a ^= rotate(c, 4), c += b;
    b -= a, b ^= rotate(a, 6), a += c;
    c -= b, c ^= rotate(b, 8), b += a;
    a -= c, a ^= rotate(c, 16), c += b;
    b -= a, b ^= rotate(a, 19), a += c;
    c -= b, c ^= rotate(b, 4), b += a;
  }
  a += k[0];
  c ^= b, c -= rotate(b, 14);
  a ^= c, a -= rotate(c, 11);
  b ^= a, b -= rotate(a, 25);
  c ^= b, c -= rotate(b, 16);
  a ^= c, a -= rotate(c, 4);
  b ^= a, b -= rotate(a, 14);
  return c ^ b;
}

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 99;
  for (u32 i = 0; i < BYTES / 4; i++)
    work.words[i] = next_random(&random);
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 hash = 0;
  for (u32 at = 0; at + 10 <= BYTES / 4; at += 10)
    hash = hash40(work.words + at, hash);
  return hash;
}
