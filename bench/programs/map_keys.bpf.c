// SPDX-License-Identifier: MIT
// For the section "hashes": look-ups of the key a packet begins with, a map and a program per size.
#include <beeyard/bpf.h>

#define ENTRIES 4096

#define KEYS_OF(size)                                                                              \
  struct key_##size {                                                                              \
    __u8 bytes[size];                                                                              \
  };                                                                                               \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_HASH);                                                               \
    __uint(max_entries, ENTRIES);                                                                  \
    __type(key, struct key_##size);                                                                \
    __type(value, __u64);                                                                          \
  } keys_##size SEC(".maps");                                                                      \
  SEC("xdp") int lookup_##size(struct xdp_md *ctx) {                                               \
    void *data = (void *)(long)ctx->data;                                                          \
    if (data + size > (void *)(long)ctx->data_end) return XDP_ABORTED;                             \
    return bpf_map_lookup_elem(&keys_##size, data) ? XDP_PASS : XDP_DROP;                          \
  }

KEYS_OF(4)
KEYS_OF(8)
KEYS_OF(12)
KEYS_OF(16)
KEYS_OF(32)
KEYS_OF(64)
KEYS_OF(128)

LICENSE("MIT");
