// SPDX-License-Identifier: MIT
// Calls of functions that stay functions, four deep: bpf-to-bpf calls.
#include "bench.h"

static __noinline u32 leaf(u32 a, u32 b) { return (a ^ b) * 0x9e3779b1u + (b >> 3); }
static __noinline u32 third(u32 a, u32 b) { return leaf(a, b) + leaf(b, a + 1); }
static __noinline u32 second(u32 a, u32 b) { return third(a, b) ^ third(a + 7, b); }
static __noinline u32 first(u32 a, u32 b) { return second(a, b) - (second(b, a) >> 1); }

PROGRAM(run) {
  UNUSED(ctx);
  u32 sum = 1;
  for (u32 i = 0; i < 4000; i++)
    sum = first(sum, i);
  return sum;
}
