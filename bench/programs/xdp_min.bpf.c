// SPDX-License-Identifier: MIT
// The shortest program: what one entry costs.
#include "bench.h"

PROGRAM(run) {
  UNUSED(ctx);
  return XDP_PASS;
}
