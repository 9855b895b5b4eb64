/* Drops what an address sends too fast and sums up the rest, by kernel functions of our own. */
#include <beeyard/bpf.h>
#include "kfuncs.h"

__u64 passed_bytes;

SEC("xdp")
int limit(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u8 head[20];
  if (data + 14 + sizeof(head) > end)
    return XDP_PASS;
  __builtin_memcpy(head, data + 14, sizeof(head));
  struct allowance *bucket = bucket_get(*(__u32 *)(head + 12), 3);
  if (!bucket)
    return XDP_ABORTED;
  int verdict = XDP_DROP;
  if (bucket_take(bucket)) {
    /* The members of what a kernel function returns can be read. */
    passed_bytes += bytes_sum(head, sizeof(head)) + (bucket->tokens << 32);
    verdict = XDP_PASS;
  }
  bucket_put(bucket);
  return verdict;
}

LICENSE("GPL");
