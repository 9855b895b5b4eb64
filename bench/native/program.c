// SPDX-License-Identifier: MIT
// One benchmark (-DPROGRAM='"name.bpf.c"') and its loop over packets, in one translation unit: clang
// may expand the program in the loop, as beeyard does.
#include PROGRAM

/* A context as the harness and beeyard lay it out: struct xdp_md and what is ours. */
struct context {
  struct xdp_md md;
  __u32 reserved[10];
};

__attribute__((visibility("default"))) __u32 bench_batch(struct context *contexts, __u32 count,
                                                         int *verdicts) {
  __u32 sum = 0;
#pragma clang loop unroll(disable) vectorize(disable)
  for (__u32 i = 0; i < count; i++)
    sum += verdicts[i] = run(&contexts[i].md);
  return sum;
}
