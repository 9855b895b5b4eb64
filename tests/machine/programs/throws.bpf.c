/* Programs that throw: from functions of all kinds, with and without somebody who catches. */
#include <beeyard/bpf.h>

extern void bpf_throw(__u64 cookie) __ksym;

#define __catch_with(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

__u64 seen;

__noinline int caught(__u64 cookie) {
  seen += cookie;
  return cookie & 7;
}

static __noinline int deep(struct __sk_buff *skb) {
  __u32 mark = skb->mark;
  if (mark > 10) bpf_throw(mark);
  return mark;
}

__noinline int middle(struct __sk_buff *skb) {
  volatile int sum = deep(skb);
  return sum + deep(skb);
}

SEC("tc")
__catch_with(caught)
int with_callback(struct __sk_buff *skb) {
  return middle(skb) + 1000;
}

/* Too large to be expanded where it is called. */
static __noinline int large(struct __sk_buff *skb, int more) {
  volatile int sum = more;
#pragma clang loop unroll(full)
  for (int i = 0; i < 40; i++) sum += i;
  if (skb->mark > 10) bpf_throw(skb->mark + sum);
  return sum;
}

SEC("tc")
__catch_with(caught)
int far_away(struct __sk_buff *skb) {
  return large(skb, 1) + large(skb, 2);
}

SEC("tc")
int without(struct __sk_buff *skb) {
  return middle(skb) + 1000;
}

LICENSE("GPL");
