/* Programs whose instructions are looked for after loading: both kinds of static branches, loads of
 * the context that Linux rewrites, code that nobody reaches. */
#include <beeyard/insn_array.h>
#include <beeyard/static_key.h>

DEFINE_STATIC_KEY(tracing);
DEFINE_INSN_ARRAY(places, 4);
DEFINE_INSN_ARRAY(others, 2);

__u32 traced;

SEC("xdp")
int trace(struct xdp_md *ctx) {
  int size = ctx->data_end - ctx->data;
  if (bpf_static_branch_unlikely(&tracing)) traced += size;
  if (bpf_static_branch_likely(&tracing)) traced++;
  return size > 100 ? XDP_DROP : XDP_PASS;
}

const volatile int verbose = 0;

SEC("tc")
int quiet(struct __sk_buff *skb) {
  if (verbose) traced++;
  return skb->mark > 3 ? TC_ACT_SHOT : TC_ACT_OK;
}

LICENSE("GPL");
