// SPDX-License-Identifier: MIT
// Eratosthenes up to 200,000. Marks carry the number of the run, so nothing need be cleared.
#include "bench.h"

#define LIMIT 200000
struct sieve {
  u8 composite[LIMIT];
  u8 round;
};
WORK(struct sieve);

PROGRAM(run) {
  UNUSED(ctx);
  u8 round = ++work.round;
  u32 primes = 0;
  for (u32 i = 2; i < LIMIT; i++) {
    if (work.composite[i] == round)
      continue;
    primes++;
    for (u64 k = (u64)i * i; k < LIMIT; k += i)
      work.composite[k] = round;
  }
  return primes;
}
