// SPDX-License-Identifier: MIT
// Every context of a program on sockets that has a `sk`: each program reads the port behind it.
#include <beeyard/sockmap.h>

__u32 of_message, of_stream, of_choice, of_lookup;

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} peers SEC(".maps");

SEC("sk_msg")
int message(struct sk_msg_md *msg) {
  struct bpf_sock *sk = msg->sk;
  if (sk) of_message = sk->src_port;
  return SK_PASS;
}

SEC("sk_skb/stream_verdict")
int stream(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  if (sk) of_stream = sk->src_port;
  return SK_PASS;
}

SEC("sk_reuseport")
int choice(struct sk_reuseport_md *reuse) {
  struct bpf_sock *sk = reuse->sk;
  if (sk) of_choice = sk->src_port;
  return SK_PASS;
}

SEC("sk_lookup")
int assign(struct bpf_sk_lookup *ctx) {
  struct bpf_sock *sk;
  __u32 key = 0;

  sk = bpf_map_lookup_elem(&peers, &key);
  if (!sk) return SK_PASS;
  bpf_sk_assign(ctx, sk, 0);
  bpf_sk_release(sk);
  return SK_PASS;
}

// Runs after `assign`: what that chose is in the context.
SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx) {
  struct bpf_sock *sk = ctx->sk;
  if (sk) of_lookup = sk->src_port;
  return SK_PASS;
}

char _license[] SEC("license") = "GPL";
