/* Views of packets: every result is counted by hand in the test. */
#include <beeyard/kfuncs.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, __u64);
} results SEC(".maps");

static __always_inline void put(__u32 index, __u64 value) {
  bpf_map_update_elem(&results, &index, &value, 0);
}

/* The same steps on a view of the packet, whatever hook it came from. */
static __always_inline void steps(struct bpf_dynptr *packet) {
  struct bpf_dynptr clone;
  __u8 buffer[4] = {}, *slice;
  put(0, bpf_dynptr_size(packet));
  put(1, bpf_dynptr_read(buffer, 4, packet, 10, 0));
  put(2, *(__u32 *)buffer);
  put(3, bpf_dynptr_clone(packet, &clone));
  put(4, bpf_dynptr_adjust(&clone, 8, 20));
  put(5, bpf_dynptr_size(&clone));
  slice = bpf_dynptr_slice(&clone, 2, buffer, 4);
  put(6, slice ? *(__u32 *)slice : 0);
  put(7, bpf_dynptr_slice(&clone, 9, buffer, 4) == NULL);
  put(8, bpf_dynptr_adjust(&clone, 5, 13));
  put(9, bpf_dynptr_adjust(&clone, 6, 5));
  put(10, bpf_dynptr_is_null(&clone) | bpf_dynptr_is_rdonly(&clone) << 1);
  buffer[0] = 0xaa;
  put(11, bpf_dynptr_write(&clone, 11, buffer, 1, 0));
  put(12, bpf_dynptr_write(&clone, 12, buffer, 1, 0));
  slice = bpf_dynptr_slice_rdwr(packet, 1, buffer, 4);
  if (slice)
    slice[0] = 0xbb;
}

SEC("xdp")
int over_xdp(struct xdp_md *ctx) {
  struct bpf_dynptr packet;
  put(15, bpf_dynptr_from_xdp(ctx, 0, &packet));
  steps(&packet);
  return XDP_PASS;
}

SEC("tc")
int over_skb(struct __sk_buff *skb) {
  struct bpf_dynptr packet;
  put(15, bpf_dynptr_from_skb(skb, 0, &packet));
  steps(&packet);
  return TC_ACT_OK;
}

/* Flags there are none of: a view of nothing. */
SEC("xdp")
int nothing(struct xdp_md *ctx) {
  struct bpf_dynptr packet, clone;
  put(0, bpf_dynptr_from_xdp(ctx, 1, &packet));
  put(1, bpf_dynptr_is_null(&packet));
  put(2, bpf_dynptr_size(&packet));
  put(3, bpf_dynptr_adjust(&packet, 0, 0));
  put(4, bpf_dynptr_clone(&packet, &clone));
  put(5, bpf_dynptr_is_null(&clone));
  put(6, bpf_dynptr_is_rdonly(&packet));
  return XDP_PASS;
}

LICENSE("GPL");
