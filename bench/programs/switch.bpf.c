// SPDX-License-Identifier: MIT
// A byte-code machine of 24 operations: a switch in a loop. Native clang uses a jump table, BPF code
// is a tree of comparisons.
#include "bench.h"

#define CODE 4096
struct machine {
  u8 code[CODE];
};
WORK(struct machine);

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 31;
  for (u32 i = 0; i < CODE; i++)
    work.code[i] = next_random(&random) % 24;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 a = 1, b = 2, c = 3;
  for (u32 i = 0; i < 8 * CODE; i++) {
    switch (work.code[i % CODE]) {
      case 0: a += b; break;
      case 1: a -= c; break;
      case 2: a ^= b << 3; break;
      case 3: b += a >> 5; break;
      case 4: b ^= c; break;
      case 5: b = b * 5 + 1; break;
      case 6: c += 17; break;
      case 7: c ^= a; break;
      case 8: c = c << 7 | c >> 25; break;
      case 9: a = ~a; break;
      case 10: b = -b; break;
      case 11: a += i; break;
      case 12: b -= i; break;
      case 13: c ^= i << 4; break;
      case 14: a *= 3; break;
      case 15: a |= 1; break;
      case 16: b &= 0x7fffffff; break;
      case 17: c |= b; break;
      case 18: a = b + c; break;
      case 19: b = a ^ c; break;
      case 20: c = a - b; break;
      case 21: a >>= 1; break;
      case 22: b += 0x9e3779b9; break;
      case 23: c -= a & b; break;
    }
  }
  return a + b * 3 + c * 7;
}
