/* Counts packets and bytes by IP protocol in an array that user space may map: others look at it
 * while it counts. It loads on Linux 6.12 as it is. */
#include <beeyard/objects.h>

#define ETH_P_IP 0x0008 /* network order */
#define MMAPABLE 1024

struct traffic {
  __u64 packets;
  __u64 bytes;
  __u32 largest;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, MMAPABLE);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, struct traffic);
} protocols SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct traffic *traffic;
  __u32 protocol, length = end - data;
  if (data + 34 > end || *(__u16 *)(data + 12) != ETH_P_IP)
    return XDP_PASS;
  protocol = *(__u8 *)(data + 23);
  traffic = bpf_map_lookup_elem(&protocols, &protocol);
  if (!traffic)
    return XDP_PASS;
  traffic->packets++;
  traffic->bytes += length;
  if (length > traffic->largest)
    traffic->largest = length;
  return XDP_PASS;
}

LICENSE("GPL");
