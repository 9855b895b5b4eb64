// SPDX-License-Identifier: MIT
// A product of two 48 x 48 matrices of 32-bit numbers.
#include "bench.h"

#define SIDE 48
struct matrices {
  u32 a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
};
WORK(struct matrices);

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 3;
  for (u32 i = 0; i < SIDE; i++)
    for (u32 k = 0; k < SIDE; k++) {
      work.a[i][k] = next_random(&random);
      work.b[i][k] = next_random(&random);
    }
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 trace = 0;
  for (u32 i = 0; i < SIDE; i++)
    for (u32 k = 0; k < SIDE; k++) {
      u32 sum = 0;
#pragma clang loop vectorize(disable) unroll(disable)
      for (u32 j = 0; j < SIDE; j++)
        sum += work.a[i][j] * work.b[j][k];
      work.c[i][k] = sum;
      trace ^= sum + i;
    }
  return trace;
}
