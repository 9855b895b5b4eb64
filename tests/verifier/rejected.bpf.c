// SPDX-License-Identifier: MIT
/* Programs Linux refuses, each for one of the common reasons: what the explanations are tested on. */
#include <beeyard/bpf.h>
#include <beeyard/net.h>

struct numbers {
  int all[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct numbers);
} numbers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp") int packet_without_check(struct xdp_md *ctx)
{
  __u8 *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  if (data + 8 > (__u8 *)end) return XDP_PASS;
  return data[12] == 8 ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int map_without_null_check(struct xdp_md *ctx)
{
  __u32 key = ctx->rx_queue_index;
  struct numbers *value = bpf_map_lookup_elem(&numbers, &key);
  value->all[0] = 1;
  return XDP_PASS;
}

SEC("xdp") int index_too_large(struct xdp_md *ctx)
{
  __u32 key = 0;
  __u32 i = ctx->rx_queue_index & 31;
  struct numbers *value = bpf_map_lookup_elem(&numbers, &key);
  if (!value) return XDP_PASS;
  value->all[i] = 1;
  return XDP_PASS;
}

SEC("xdp") int reference_leaked(struct xdp_md *ctx)
{
  __u64 *event = bpf_ringbuf_reserve(&events, 8, 0);
  if (!event) return XDP_PASS;
  *event = ctx->rx_queue_index;
  if (*event == 7) return XDP_DROP;
  bpf_ringbuf_submit(event, 0);
  return XDP_PASS;
}

SEC("xdp") int context_written(struct xdp_md *ctx)
{
  *(__u32 *)((void *)ctx + 100) = 1;
  return XDP_PASS;
}

SEC("xdp") int number_as_pointer(struct xdp_md *ctx)
{
  __u8 *where = (void *)(long)ctx->rx_queue_index;
  return *where ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int endless(struct xdp_md *ctx)
{
  volatile int go = ctx->rx_queue_index;
  while (1) {
    if (go == 1) asm volatile("" ::: "memory");
  }
  return XDP_PASS;
}

struct bpf_sock_addr {
  __u32 user_family;
};

SEC("cgroup/bind4") int return_out_of_range(struct bpf_sock_addr *ctx)
{
  return ctx->user_family & 7;
}

SEC("xdp") int wrong_helper(struct xdp_md *ctx)
{
  return bpf_skb_load_bytes(ctx, 0, 0, 0);
}

LICENSE("GPL");
