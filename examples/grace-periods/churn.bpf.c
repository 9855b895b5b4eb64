/* SPDX-License-Identifier: MIT
 *
 * What the allocator behind hash maps is measured with: 64 elements are overwritten, or 64 are added
 * and deleted again.
 */
#include <beeyard/bpf.h>

#define COUNT 64

struct element {
  __u64 numbers[8];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 8192);
  __type(key, __u32);
  __type(value, struct element);
} elements SEC(".maps");

__u64 operations;
__u64 failures;

static __always_inline void put(__u32 key) {
  struct element element = {.numbers = {key}};
  operations++;
  if (bpf_map_update_elem(&elements, &key, &element, BPF_ANY)) failures++;
}

SEC("xdp")
int overwrite(struct xdp_md *ctx) {
  (void)ctx;
  for (__u32 key = 0; key < COUNT; key++) put(key);
  return XDP_PASS;
}

SEC("xdp")
int add_delete(struct xdp_md *ctx) {
  (void)ctx;
  for (__u32 key = 0; key < COUNT; key++) put(key);
  for (__u32 i = 0; i < COUNT; i++) {
    __u32 key = i;
    operations++;
    bpf_map_delete_elem(&elements, &key);
  }
  return XDP_PASS;
}

LICENSE("GPL");
