// SPDX-License-Identifier: MIT
// A proxy whose bytes never reach user space. Each of its connections is in `peers` under the cookie
// of the one on the other side; what comes in by one goes out by the other.
#include <beeyard/sockmap.h>

struct {
  __uint(type, BPF_MAP_TYPE_SOCKHASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, __u64);
} peers SEC(".maps");

// What went through: bytes and pieces.
__u64 bytes = 0;
__u64 pieces = 0;

SEC("sk_skb/stream_verdict")
int forward(struct __sk_buff *skb) {
  __u64 cookie = bpf_get_socket_cookie(skb);

  // The end of a stream is an empty piece: the proxy's own reader hears of it, and closes both.
  if (skb->len == 0) return SK_PASS;
  __sync_fetch_and_add(&bytes, skb->len);
  __sync_fetch_and_add(&pieces, 1);
  return bpf_sk_redirect_hash(skb, &peers, &cookie, 0);
}

char LICENSE[] SEC("license") = "GPL";
