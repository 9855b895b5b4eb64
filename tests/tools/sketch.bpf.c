/* SPDX-License-Identifier: MIT
 *
 * Sketches of several shapes, all fed with the number in a packet's first 8 bytes.
 */
#include <beeyard/bpf.h>
#include <beeyard/sketch.h>

BPF_SKETCH(everything, 5, 0, 64);
BPF_SKETCH(latency, 6, 4, 42);
BPF_SKETCH(fine, 12, 0, 20);
BPF_SKETCH(coarse, 1, 8, 33);

SEC("xdp")
int count(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  if (data + 8 > (void *)(long)ctx->data_end) return XDP_ABORTED;
  __u64 value = *(__u64 *)data;
  sketch_add(&everything, value);
  sketch_add(&latency, value);
  sketch_add(&fine, value);
  sketch_add_n(&coarse, value, 3);
  return XDP_PASS;
}

LICENSE("GPL");
