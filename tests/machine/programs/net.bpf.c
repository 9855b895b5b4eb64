// SPDX-License-Identifier: MIT
/* Programs for the tests of the machine, client and CLI: each does one thing with a packet. */
#include <beeyard/bpf.h>
#include <beeyard/net.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} per_cpu SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u32);
} tx_ports SEC(".maps");

struct sample {
  __u64 time;
  __u32 length;
  __u8 first_bytes[4];
};

/* Puts the type into the object's BTF: a type that only code uses is not in it. */
struct sample *sample_type;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} samples SEC(".maps");

const volatile __u32 least_length = 20;
__u64 total_bytes = 0;
int target = 3;

static __always_inline void count(__u32 slot) {
  __u64 *value = bpf_map_lookup_elem(&counts, &slot);
  if (value) __sync_fetch_and_add(value, 1);
}

/* Drops packets shorter than least_length, counts both kinds. */
SEC("xdp") int by_length(struct xdp_md *ctx) {
  __u32 length = ctx->data_end - ctx->data;
  total_bytes += length;
  count(length < least_length);
  return length < least_length ? XDP_DROP : XDP_PASS;
}

/* First byte of the packet is the verdict. */
SEC("xdp") int first_byte(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  if (data + 1 > (__u8 *)(long)ctx->data_end) return XDP_ABORTED;
  return data[0];
}

/* Takes 4 bytes off the front, writes 0xaa to the new first byte. */
SEC("xdp") int shorten(struct xdp_md *ctx) {
  if (bpf_xdp_adjust_head(ctx, 4)) return XDP_DROP;
  __u8 *data = (void *)(long)ctx->data;
  if (data + 1 > (__u8 *)(long)ctx->data_end) return XDP_DROP;
  data[0] = 0xaa;
  return XDP_TX;
}

/* Reads past the end of packets shorter than 40 bytes: no verifier would let it pass. */
SEC("xdp") int careless(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  return data[39] == 0xff ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int to_device(struct xdp_md *ctx) { return bpf_redirect(target, 0); }

SEC("xdp") int to_port(struct xdp_md *ctx) { return bpf_redirect_map(&tx_ports, 1, XDP_DROP); }

SEC("xdp") int sampled(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  if (data + 4 > (__u8 *)(long)ctx->data_end) return XDP_PASS;
  struct sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
  if (!sample) return XDP_DROP;
  sample->time = bpf_ktime_get_ns();
  sample->length = ctx->data_end - ctx->data;
  for (int i = 0; i < 4; i++) sample->first_bytes[i] = data[i];
  bpf_ringbuf_submit(sample, 0);
  return XDP_PASS;
}

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, 4);
  __uint(value_size, 4);
} events SEC(".maps");

/* The packet's first 4 bytes behind a number, through a perf event. */
SEC("xdp") int perf(struct xdp_md *ctx) {
  __u32 number = 7;
  bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | (4ULL << 32), &number, sizeof(number));
  bpf_printk("length %d", (int)(ctx->data_end - ctx->data));
  return XDP_PASS;
}

int second(struct xdp_md *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __uint(key_size, 4);
  __array(values, int(void *));
} calls SEC(".maps") = {.values = {[1] = (void *)&second}};

SEC("xdp") int second(struct xdp_md *ctx) { return XDP_TX; }

SEC("xdp") int first(struct xdp_md *ctx) {
  bpf_tail_call(ctx, &calls, 1);
  return XDP_DROP;
}

struct inner {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} inner SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 2);
  __uint(key_size, 4);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[1] = &inner}};

/* Counts lengths in the hash that slot 1 holds. */
SEC("xdp") int nested(struct xdp_md *ctx) {
  __u32 slot = 1, length = ctx->data_end - ctx->data;
  __u64 one = 1, *value;
  void *map = bpf_map_lookup_elem(&outer, &slot);
  if (!map) return XDP_ABORTED;
  value = bpf_map_lookup_elem(map, &length);
  if (value) *value += 1;
  else bpf_map_update_elem(map, &length, &one, BPF_ANY);
  return XDP_PASS;
}

SEC("xdp") int on_cpu(struct xdp_md *ctx) {
  __u32 slot = 0;
  __u64 *value = bpf_map_lookup_elem(&per_cpu, &slot);
  if (value) *value += 1;
  return ctx->rx_queue_index == bpf_get_smp_processor_id() ? XDP_PASS : XDP_DROP;
}

/* Drops what the machine's second device after lo receives. */
SEC("xdp") int second_device(struct xdp_md *ctx) {
  return ctx->ingress_ifindex == 3 ? XDP_DROP : XDP_PASS;
}

/* Passes IPv4 with VLAN 5 only, by the context alone. */
SEC("tc") int vlan_five(struct __sk_buff *skb) {
  if (skb->protocol != bpf_htons(ETH_P_IP)) return TC_ACT_SHOT;
  return skb->vlan_present && (skb->vlan_tci & 0xfff) == 5 ? TC_ACT_OK : TC_ACT_SHOT;
}

/* Sends a copy out of the machine's first device after lo, if there is one. */
SEC("tc") int copies(struct __sk_buff *skb) {
  return bpf_clone_redirect(skb, 2, 0) == 0 ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tcx/ingress") int marks(struct __sk_buff *skb) {
  skb->mark = skb->len;
  return -1;
}

LICENSE("Dual MIT/GPL");
