// SPDX-License-Identifier: MIT
// A firewall for memory keys, inside the RDMA device: who may use which key. An extension of beeyard.
#include <beeyard/rxe.h>

struct owner {
  __u32 address;
  // Nobody writes with it, whatever the memory allows.
  __u32 read_only;
};

// Keys that are guarded, and who has them; others are open to all.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct owner);
} keys SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} refused SEC(".maps");

// NAKs that this device sends, by their reason.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 32);
  __type(key, __u32);
  __type(value, __u64);
} naks SEC(".maps");

static __always_inline int uses_memory(__u32 opcode) {
  return opcode == RXE_WRITE_FIRST || opcode == RXE_WRITE_ONLY ||
         opcode == RXE_WRITE_ONLY_IMMEDIATE || opcode == RXE_READ_REQUEST ||
         opcode == RXE_COMPARE_SWAP || opcode == RXE_FETCH_ADD;
}

SEC("rxe/rx")
int guard_keys(struct rxe_md *md) {
  if (!uses_memory(md->opcode))
    return RXE_PASS;
  __u32 key = md->rkey;
  struct owner *owner = bpf_map_lookup_elem(&keys, &key);
  if (!owner)
    return RXE_PASS;
  if (owner->address == md->remote_ip4 && (!owner->read_only || md->opcode == RXE_READ_REQUEST))
    return RXE_PASS;
  __u64 none = 0;
  bpf_map_update_elem(&refused, &key, &none, BPF_NOEXIST);
  __u64 *count = bpf_map_lookup_elem(&refused, &key);
  if (count)
    __sync_fetch_and_add(count, 1);
  return RXE_DROP;
}

SEC("rxe/tx")
int count_naks(struct rxe_md *md) {
  if (md->opcode != RXE_ACK || md->syndrome >> 5 != 3)
    return RXE_PASS;
  __u32 reason = md->syndrome & 31;
  __u64 *count = bpf_map_lookup_elem(&naks, &reason);
  if (count)
    __sync_fetch_and_add(count, 1);
  return RXE_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
