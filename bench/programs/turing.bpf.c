// SPDX-License-Identifier: MIT
// A Turing machine: the busy beaver of four states, several times over a used tape.
#include "bench.h"

#define TAPE 8192
struct tape {
  u8 cells[TAPE];
};
WORK(struct tape);

/* By state and symbol: what to write, where to go (1 right, -1 left), the next state; 4 halts. */
struct rule {
  u8 write;
  s8 move;
  u8 next;
};
static const struct rule rules[4][2] = {
    {{1, 1, 1}, {1, -1, 1}},
    {{1, -1, 0}, {0, -1, 2}},
    {{1, 1, 4}, {1, -1, 3}},
    {{1, 1, 3}, {0, 1, 0}},
};

PROGRAM(run) {
  UNUSED(ctx);
  u32 steps = 0;
  for (u32 start = 0; start < 600; start++) {
    u32 head = start * 12 + 500, state = 0;
    for (u32 limit = 0; limit < 150 && state < 4; limit++) {
      u8 *cell = &work.cells[head % TAPE];
      const struct rule *rule = &rules[state][*cell & 1];
      *cell = rule->write;
      head += rule->move;
      state = rule->next;
      steps++;
    }
  }
  return steps;
}
