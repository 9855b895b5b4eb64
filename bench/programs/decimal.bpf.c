// SPDX-License-Identifier: MIT
// 64-bit numbers as decimal text. Native divides by ten with a wide multiplication, which neither BPF
// nor WebAssembly has.
#include "bench.h"

#define NUMBERS 1024
struct text {
  u32 random;
  u8 digits[NUMBERS][24];
};
WORK(struct text);

PROGRAM(setup) {
  UNUSED(ctx);
  work.random = 321;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = work.random, length = 0;
  for (u32 i = 0; i < NUMBERS; i++) {
    u64 number = (u64)next_random(&random) << (next_random(&random) & 31);
    u32 at = 24;
    do {
      work.digits[i][--at] = '0' + number % 10;
      number /= 10;
    } while (number && at);
    length += 24 - at;
  }
  work.random = random;
  return length;
}
