// SPDX-License-Identifier: MIT
// 64-bit divisions: greatest common divisors and modular powers. Other numbers in each run, so that
// no branch predictor learns them.
#include "bench.h"

struct state {
  u32 random, modulus;
};
WORK(struct state);

static __always_inline u64 gcd(u64 a, u64 b) {
  while (b) {
    u64 rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static __always_inline u64 power(u64 base, u32 exponent, u64 modulus) {
  u64 result = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1)
      result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

PROGRAM(setup) {
  UNUSED(ctx);
  work.random = 12345;
  work.modulus = 0x7fffffff;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = work.random;
  u64 modulus = work.modulus;
  u64 sum = 0;
  for (int i = 0; i < 150; i++) {
    u64 a = (u64)next_random(&random) << 20 | 1;
    u64 b = next_random(&random);
    sum += gcd(a, b);
    sum ^= power(b % modulus, next_random(&random), modulus);
    sum += a / b;
  }
  work.random = random;
  return mix32(sum);
}
