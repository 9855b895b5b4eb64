// SPDX-License-Identifier: MIT
// Hardly a program: is the packet long enough for an Ethernet header? What one entry costs.
#include "bench.h"

PROGRAM(run) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  return data + sizeof(struct ethhdr) > end ? XDP_DROP : XDP_PASS;
}
