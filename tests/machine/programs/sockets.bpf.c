// SPDX-License-Identifier: MIT
// What programs see of sockets: lookups from tc, a choice of sk_lookup, local storage.
#include <beeyard/sockets.h>

__u32 protocol = IPPROTO_TCP;
__u32 assign = 0;
struct bpf_sock_tuple tuple = {};

// What was found.
__u32 found = 0;
__u32 state = 0;
__u32 family = 0;
__u32 source = 0;
__u32 source_port = 0;
__u32 remote_port = 0;
__u32 listener_state = 0;
__u32 next = 0;
__u32 mark = 0;
__s32 assigned = 0;
__u64 stored = 0;

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, 1);
  __type(key, int);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} target SEC(".maps");

HELPER_(107, void *, bpf_sk_storage_get, void *map, void *sock, void *value, __u64 flags);

static __always_inline void look_at(struct bpf_sock *sock) {
  struct bpf_sock *full, *listener;

  found++;
  state = sock->state;
  listener = bpf_get_listener_sock(sock);
  listener_state = listener ? listener->state : 0;
  full = bpf_sk_fullsock(sock);
  if (!full) return;
  family = full->family;
  source = full->src_ip4;
  source_port = full->src_port;
  remote_port = bpf_ntohs(full->dst_port);
  mark = full->mark;
  __u64 *count = bpf_sk_storage_get(&counts, full, 0, 1);
  if (count) stored = ++*count;
  struct bpf_tcp_sock *tcp = bpf_tcp_sock(full);
  if (tcp) next = tcp->rcv_nxt;
}

SEC("tc")
int look(struct __sk_buff *skb) {
  struct bpf_sock *sock;

  if (protocol == IPPROTO_UDP)
    sock = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
  else
    sock = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
  if (!sock) return 0;
  look_at(sock);
  if (assign) assigned = bpf_sk_assign(skb, sock, 0);
  bpf_sk_release(sock);
  return 0;
}

// Also what is less than a socket.
SEC("tc")
int look_any(struct __sk_buff *skb) {
  struct bpf_sock *sock;

  sock = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
  if (!sock) return 0;
  look_at(sock);
  bpf_sk_release(sock);
  return 0;
}

// Ports 7000 and up go to the socket in the map, 6666 to nobody.
SEC("sk_lookup")
int choose(struct bpf_sk_lookup *ctx) {
  __u32 key = 0;
  struct bpf_sock *sock;

  if (ctx->local_port == 6666) return SK_DROP;
  if (ctx->local_port < 7000) return SK_PASS;
  sock = bpf_map_lookup_elem(&target, &key);
  if (!sock) return SK_PASS;
  assigned = bpf_sk_assign(ctx, sock, 0);
  bpf_sk_release(sock);
  return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
