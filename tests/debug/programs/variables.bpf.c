// SPDX-License-Identifier: MIT
// Variables of every kind, at places where their values are known: what a debugger shows.
#include <beeyard/net.h>

enum colour { RED, GREEN = 5, BLUE = 7 };

struct point {
  int x, y;
};

struct shape {
  struct point corner;
  enum colour colour;
  unsigned int kind : 3, rest : 5;
  __u8 bytes[4];
  struct point *next;
  union {
    __u64 wide;
    __u32 halves[2];
  };
};

struct entry {
  __u64 count;
  struct point last;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct entry);
} entries SEC(".maps");

__u64 total;

static __always_inline int doubled(int amount) {
  int twice = amount * 2;
  total += twice; // LINE inlined
  return twice;
}

// A frame of its own: two words of its stack are looked at from outside.
static __attribute__((noinline)) int called(struct shape *shape, int step) {
  struct point here = {.x = step, .y = -step};
  long scratch[2] = {step, 0x1122334455667788};

  bpf_probe_read_kernel(&scratch[0], sizeof(scratch[0]), shape);
  total += scratch[0]; // LINE called
  shape->corner.x += here.x;
  bpf_probe_read_kernel(&here, sizeof(here), scratch);
  return here.y + step;
}

SEC("xdp")
int variables(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct shape shape = {.corner = {3, -4}, .colour = BLUE, .kind = 6, .rest = 17};
  __u32 key = 0;

  if ((void *)(eth + 1) > end) return XDP_DROP;
  shape.bytes[1] = 9;
  shape.wide = 0x100000002ULL;
  shape.next = &shape.corner;
  struct entry *entry = bpf_map_lookup_elem(&entries, &key);
  if (!entry) return XDP_ABORTED;
  entry->count = 41;
  entry->last = shape.corner;
  bpf_probe_read_kernel(&entry->last, sizeof(entry->last), &shape);
  entry->count++; // LINE main
  int result = called(&shape, 2) + doubled(shape.corner.x);
  total += result; // LINE after
  return eth->h_proto == bpf_htons(0x0800) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
