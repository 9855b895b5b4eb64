// SPDX-License-Identifier: MIT
// What looks at functions of hooks.bpf.c and replacements.bpf.c from the front and from behind.
#include <beeyard/hooks.h>

char LICENSE[] SEC("license") = "GPL";

// Digits of who ran, in order.
__u64 order = 0;
__u32 length = 0;
__u32 mark = 0;
__u32 device = 0;
__u64 argument = 0;
__u64 result = 0;

static __always_inline int look_at(struct sk_buff *skb) {
  length = skb->len;
  mark = skb->mark;
  device = skb->dev ? skb->dev->ifindex : 0;
  return 0;
}

SEC("fentry/extended")
int before_main(__u64 *ctx) {
  order = order * 10 + 1;
  return look_at((struct sk_buff *)ctx[0]);
}

SEC("fexit/extended")
int behind_main(__u64 *ctx) {
  order = order * 10 + 2;
  result = ctx[1];
  return look_at((struct sk_buff *)ctx[0]);
}

SEC("fentry/twice")
int before_twice(__u64 *ctx) {
  order = order * 10 + 3;
  argument = (__u32)ctx[0];
  return 0;
}

SEC("fexit/twice")
int behind_twice(__u64 *ctx) {
  order = order * 10 + 4;
  argument = (__u32)ctx[0];
  result = (__u32)ctx[1];
  return 0;
}

SEC("fexit/twice")
int behind_twice_too(__u64 *ctx) {
  order = order * 10 + 5;
  return 0;
}

SEC("fexit/new_twice")
int behind_new_twice(__u64 *ctx) {
  order = order * 10 + 6;
  result = (__u32)ctx[1];
  return 0;
}

// fentry of a program that is one.
SEC("fentry/before_twice")
int before_tracer(__u64 *ctx) {
  order = order * 10 + 7;
  return 0;
}

// Wrong: no program traces what traces a program that traces.
SEC("?fentry/before_tracer")
int too_deep(__u64 *ctx) { return 0; }

// Wrong: what functions of programs give back is their own.
SEC("?fmod_ret/twice")
int changes_result(__u64 *ctx) { return 0; }

// Wrong: there is no third argument.
SEC("?fentry/twice")
int too_many(__u64 *ctx) {
  argument = ctx[2];
  return 0;
}

// Wrong: before the function there is no result.
SEC("?fentry/twice")
int too_early(__u64 *ctx) {
  result = ctx[1];
  return 0;
}
