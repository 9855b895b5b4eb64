// SPDX-License-Identifier: MIT
// Programs of maps of sockets, and of groups that share a port; `cfg` says what they do.
#include <beeyard/sockmap.h>

// What the verdict programs and the chooser do, and what they saw.
struct cfg {
  __u32 verdict;  // 0 drop, 1 pass, 2 redirect by the map, 3 redirect by the hash
  __u32 flags;    // of the redirect
  __u32 key;      // where to
  __u32 apply, cork;
  __u32 pull_start, pull_end;
  __u32 push_at, push_len;
  __u32 pop_at, pop_len;
  __u32 parse;    // 0: all there is; else a message's length
  __u32 mark;     // written over the first byte, if there is one to see
  __u32 room;     // bytes to put in front (sk_skb), as a signed number
  __u32 tail;     // new length (sk_skb)
};

struct seen {
  __u32 runs, parses;
  __u32 size, visible; // of the last run
  __u32 first;         // byte of the data, if visible
  __s32 pull, push, pop, room, tail;
  __u32 family, local_port, remote_port;
  __u32 has_sock, state;
  __s32 select;
  __u32 hash_set, inany, protocol, eth, migrating;
  __u32 total; // bytes of all runs
};

#define ARRAY_(name, type_)                                                                        \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_ARRAY);                                                              \
    __uint(max_entries, 1);                                                                        \
    __type(key, __u32);                                                                            \
    __type(value, type_);                                                                          \
  } name SEC(".maps")

ARRAY_(config, struct cfg);
ARRAY_(report, struct seen);

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} peers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} others SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SOCKHASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} by_key SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} group SEC(".maps");

#define LOOK_UP                                                                                    \
  __u32 zero = 0;                                                                                  \
  struct cfg *c = bpf_map_lookup_elem(&config, &zero);                                             \
  struct seen *s = bpf_map_lookup_elem(&report, &zero);                                            \
  if (!c || !s) return SK_DROP

static __always_inline int go(struct __sk_buff *skb, struct cfg *c) {
  __u32 key = c->key;

  if (c->verdict == 2) return bpf_sk_redirect_map(skb, &others, key, c->flags);
  if (c->verdict == 3) return bpf_sk_redirect_hash(skb, &by_key, &key, c->flags);
  return c->verdict == 1 ? SK_PASS : SK_DROP;
}

static __always_inline int decide(struct __sk_buff *skb) {
  LOOK_UP;

  s->runs++;
  s->size = skb->len;
  s->total += skb->len;
  s->family = skb->family;
  s->local_port = skb->local_port;
  s->remote_port = skb->remote_port;
  s->has_sock = skb->sk != 0;
  if (c->pull_end) s->pull = bpf_skb_pull_data(skb, c->pull_end);
  if (c->room) s->room = bpf_skb_adjust_room(skb, (__s32)c->room, 0, 0);
  if (c->tail) s->tail = bpf_skb_change_tail(skb, c->tail, 0);
  __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  s->visible = end - data;
  if (data + 1 <= end) {
    s->first = *data;
    if (c->mark) *data = c->mark;
  }
  return go(skb, c);
}

SEC("sk_skb/stream_verdict")
int stream(struct __sk_buff *skb) { return decide(skb); }

SEC("sk_skb/verdict")
int plain(struct __sk_buff *skb) { return decide(skb); }

SEC("sk_skb/stream_parser")
int parser(struct __sk_buff *skb) {
  LOOK_UP;
  s->parses++;
  return c->parse ? c->parse : skb->len;
}

// A message begins with its length.
SEC("sk_skb/stream_parser")
int framed(struct __sk_buff *skb) {
  __u8 length;
  LOOK_UP;
  s->parses++;
  if (bpf_skb_load_bytes(skb, 0, &length, 1)) return 0;
  return length;
}

SEC("sk_msg")
int message(struct sk_msg_md *msg) {
  LOOK_UP;
  __u32 key = c->key;

  s->runs++;
  s->size = msg->size;
  s->total += msg->size;
  s->family = msg->family;
  s->local_port = msg->local_port;
  s->remote_port = msg->remote_port;
  s->has_sock = msg->sk != 0;
  if (c->apply) bpf_msg_apply_bytes(msg, c->apply);
  if (c->cork) bpf_msg_cork_bytes(msg, c->cork);
  if (c->push_len) s->push = bpf_msg_push_data(msg, c->push_at, c->push_len, 0);
  if (c->pop_len) s->pop = bpf_msg_pop_data(msg, c->pop_at, c->pop_len, 0);
  if (c->pull_end) s->pull = bpf_msg_pull_data(msg, c->pull_start, c->pull_end, 0);
  __u8 *data = msg->data, *end = msg->data_end;
  s->visible = end - data;
  if (data + 1 <= end) {
    s->first = *data;
    if (c->mark) *data = c->mark;
  }
  // What was pushed is anything: only a program that writes it knows what it is.
  if (c->push_len && bpf_msg_pull_data(msg, c->push_at, c->push_at + c->push_len, 0) == 0) {
    __u8 *fresh = msg->data;
    __u8 *last = msg->data_end;
    for (int i = 0; i < 32; i++) {
      if (fresh + i + 1 > last) break;
      fresh[i] = '+';
    }
  }
  if (c->verdict == 2) return bpf_msg_redirect_map(msg, &others, key, c->flags);
  if (c->verdict == 3) return bpf_msg_redirect_hash(msg, &by_key, &key, c->flags);
  return c->verdict == 1 ? SK_PASS : SK_DROP;
}

static __always_inline int select(struct sk_reuseport_md *reuse) {
  LOOK_UP;
  __u32 key = c->key;

  s->runs++;
  s->size = reuse->len;
  s->hash_set = reuse->hash != 0;
  s->inany = reuse->bind_inany;
  s->protocol = reuse->ip_protocol;
  s->eth = reuse->eth_protocol;
  s->migrating = reuse->migrating_sk != 0;
  __u8 *data = reuse->data, *end = reuse->data_end;
  s->visible = end - data;
  if (data + 9 <= end) s->first = data[8];
  if (c->verdict == 4) return SK_PASS;
  if (c->verdict == 2) s->select = bpf_sk_select_reuseport(reuse, &others, &key, c->flags);
  else if (c->verdict == 3) s->select = bpf_sk_select_reuseport(reuse, &by_key, &key, c->flags);
  else s->select = bpf_sk_select_reuseport(reuse, &group, &key, c->flags);
  return c->verdict == 0 ? SK_DROP : SK_PASS;
}

SEC("sk_reuseport")
int choose(struct sk_reuseport_md *reuse) { return select(reuse); }

SEC("sk_reuseport/migrate")
int migrate(struct sk_reuseport_md *reuse) { return select(reuse); }

// The number of a socket of the group, from the first byte of the data.
SEC("socket")
int number(struct __sk_buff *skb) {
  __u8 digit = 0;

  bpf_skb_load_bytes(skb, 0, &digit, 1);
  return digit - '0';
}

// What a socket keeps of a datagram.
SEC("socket")
int keep(struct __sk_buff *skb) {
  LOOK_UP;
  s->size = skb->len;
  return c->tail;
}

// Puts a socket that was looked up into a map.
struct bpf_sock_tuple tuple = {};
__s32 updated = 1;

SEC("tc")
int put(struct __sk_buff *skb) {
  __u32 key = 5;
  struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);

  if (!sk) return 0;
  updated = bpf_map_update_elem(&peers, &key, sk, 0);
  bpf_sk_release(sk);
  return 0;
}

// Copies what is in one map into another, and says what is there.
struct bpf_iter_meta {
  struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__sockmap {
  struct bpf_iter_meta *meta;
  void *map;
  void *key;
  void *sk;
} __attribute__((preserve_access_index));

SEC("iter/sockmap")
int copy(struct bpf_iter__sockmap *ctx) {
  __u32 *key = ctx->key;
  void *sk = ctx->sk;

  if (!key) {
    BPF_SEQ_PRINTF(ctx->meta->seq, "end\n", 0);
    return 0;
  }
  __u32 index = *key;
  BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d\n", index, sk != 0);
  if (sk) bpf_map_update_elem(&others, &index, sk, 0);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
