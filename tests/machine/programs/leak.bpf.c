/* An object that owns itself: the verifier sees every reference given up, and yet nobody can free it
 * any more. Linux leaks it as well. */
#include <beeyard/objects.h>

struct ring {
  struct bpf_refcount owners;
  __u64 number;
  struct ring __kptr *next;
};

SEC("xdp")
int leak(struct xdp_md *ctx) {
  struct ring *ring = bpf_obj_new(struct ring), *old;
  if (!ring)
    return XDP_ABORTED;
  ring->number = ctx->data_end - ctx->data;
  old = bpf_kptr_xchg(&ring->next, bpf_refcount_acquire(ring));
  if (old)
    bpf_obj_drop(old);
  bpf_obj_drop(ring);
  return XDP_PASS;
}

LICENSE("GPL");
