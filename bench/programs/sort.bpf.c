// SPDX-License-Identifier: MIT
// Heap sort of 4,096 numbers, others in each run.
#include "bench.h"

#define COUNT 4096
struct numbers {
  u32 random;
  u32 value[COUNT];
};
WORK(struct numbers);

static __always_inline void sink(u32 root, u32 end) {
  u32 value = work.value[root];
  for (;;) {
    u32 child = 2 * root + 1;
    if (child >= end)
      break;
    if (child + 1 < end && work.value[child] < work.value[child + 1])
      child++;
    if (work.value[child] <= value)
      break;
    work.value[root] = work.value[child];
    root = child;
  }
  work.value[root] = value;
}

PROGRAM(setup) {
  UNUSED(ctx);
  work.random = 4711;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 random = work.random;
  for (u32 i = 0; i < COUNT; i++)
    work.value[i] = next_random(&random);
  work.random = random;
  for (u32 i = COUNT / 2; i-- > 0;)
    sink(i, COUNT);
  for (u32 end = COUNT - 1; end > 0; end--) {
    u32 top = work.value[0];
    work.value[0] = work.value[end];
    work.value[end] = top;
    sink(0, end);
  }
  u32 digest = 0;
  for (u32 i = 0; i < COUNT; i++)
    digest = digest * 31 + work.value[i];
  return digest;
}
