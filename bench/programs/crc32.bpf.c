// SPDX-License-Identifier: MIT
// CRC-32 of 64 KiB with a table of 256 words.
#include "bench.h"

#define BYTES 65536
struct buffers {
  u32 table[256];
  u8 bytes[BYTES];
};
WORK(struct buffers);

PROGRAM(setup) {
  UNUSED(ctx);
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int bit = 0; bit < 8; bit++)
      c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    work.table[i] = c;
  }
  for (u32 i = 0; i < BYTES; i++)
    work.bytes[i] = i * 31 + (i >> 7);
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 crc = ~0u;
  for (u32 i = 0; i < BYTES; i++)
    crc = work.table[(u8)(crc ^ work.bytes[i])] ^ crc >> 8;
  return ~crc;
}
