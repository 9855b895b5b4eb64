/* Two numbers of one value that belong together, changed under its lock. */
#include <beeyard/bpf.h>

struct pair {
  struct bpf_spin_lock lock;
  __u64 count;
  __u64 twice;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct pair);
} shared SEC(".maps");

SEC("xdp")
int locked(struct xdp_md *ctx) {
  __u32 zero = 0;
  volatile struct pair *pair = bpf_map_lookup_elem(&shared, &zero);
  if (!pair) return XDP_ABORTED;
  bpf_spin_lock((struct bpf_spin_lock *)&pair->lock);
  __u64 count = pair->count;
  int torn = pair->twice != 2 * count;
  pair->count = count + 1;
  pair->twice = 2 * count + 2;
  bpf_spin_unlock((struct bpf_spin_lock *)&pair->lock);
  return torn ? XDP_DROP : XDP_PASS;
}

LICENSE("GPL");
