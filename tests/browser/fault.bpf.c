// SPDX-License-Identifier: MIT
// Reads behind the packet: no verifier would let it pass.
#include <beeyard/bpf.h>

LICENSE("MIT");

SEC("xdp") int past_the_end(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  return data[100];
}
