// SPDX-License-Identifier: MIT
// Base64 of 24 KiB, there and back (RFC 4648).
#include "bench.h"

#define BYTES 24576
struct buffers {
  u8 plain[BYTES], again[BYTES];
  u8 coded[BYTES / 3 * 4];
  u8 value_of[256];
};
WORK(struct buffers);

static const u8 alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 5;
  for (u32 i = 0; i < BYTES; i++)
    work.plain[i] = next_random(&random) >> 9;
  for (u32 i = 0; i < 64; i++)
    work.value_of[alphabet[i]] = i;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u8 *to = work.coded;
  for (u32 i = 0; i < BYTES; i += 3, to += 4) {
    u32 word = work.plain[i] << 16 | work.plain[i + 1] << 8 | work.plain[i + 2];
    to[0] = alphabet[word >> 18];
    to[1] = alphabet[word >> 12 & 63];
    to[2] = alphabet[word >> 6 & 63];
    to[3] = alphabet[word & 63];
  }
  u8 *from = work.coded;
  u32 differences = 0;
  for (u32 i = 0; i < BYTES; i += 3, from += 4) {
    u32 word = work.value_of[from[0]] << 18 | work.value_of[from[1]] << 12 |
               work.value_of[from[2]] << 6 | work.value_of[from[3]];
    work.again[i] = word >> 16;
    work.again[i + 1] = word >> 8;
    work.again[i + 2] = word;
    differences += work.again[i] != work.plain[i];
  }
  return differences * 1000 + work.coded[77];
}
