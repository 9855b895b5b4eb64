// SPDX-License-Identifier: MIT
// What takes the place of functions of hooks.bpf.c.
#include <beeyard/hooks.h>

char LICENSE[] SEC("license") = "GPL";

__u32 calls = 0;
__u32 length = 0;

SEC("freplace/weight")
int new_weight(struct __sk_buff *skb) {
  calls++;
  length = skb->len;
  return 3;
}

static __attribute__((noinline)) int helper(int value) {
  volatile int seven = 7;

  return value + seven;
}

SEC("freplace/twice")
int new_twice(int value) {
  calls++;
  return helper(value);
}

SEC("freplace/extended")
int new_main(struct __sk_buff *skb) {
  calls++;
  return 77;
}

// Wrong: another argument.
SEC("?freplace/twice")
int wrong(struct __sk_buff *skb) { return 0; }
