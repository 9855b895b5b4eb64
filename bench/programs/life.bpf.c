// SPDX-License-Identifier: MIT
// Conway's life on a torus of 128 x 128 bytes, one generation a run.
#include "bench.h"

#define SIDE 128
struct board {
  u32 now;
  u8 cells[2][SIDE][SIDE];
};
WORK(struct board);

PROGRAM(setup) {
  UNUSED(ctx);
  u32 random = 7;
  for (u32 y = 0; y < SIDE; y++)
    for (u32 x = 0; x < SIDE; x++)
      work.cells[0][y][x] = next_random(&random) >> 20 & 1;
  return 0;
}

PROGRAM(run) {
  UNUSED(ctx);
  u32 now = work.now & 1, alive = 0;
  for (u32 y = 0; y < SIDE; y++) {
    u8 *above = work.cells[now][(y - 1) % SIDE];
    u8 *row = work.cells[now][y];
    u8 *below = work.cells[now][(y + 1) % SIDE];
    u8 *next = work.cells[!now][y];
    for (u32 x = 0; x < SIDE; x++) {
      u32 left = (x - 1) % SIDE, right = (x + 1) % SIDE;
      u32 around = above[left] + above[x] + above[right] + row[left] + row[right] + below[left] +
                   below[x] + below[right];
      u8 lives = around == 3 || (around == 2 && row[x]);
      next[x] = lives;
      alive += lives;
    }
  }
  work.now = !now;
  return alive;
}
