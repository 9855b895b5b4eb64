// SPDX-License-Identifier: MIT
/* A kernel address would become visible to a loader without CAP_PERFMON. */
#include "common.h"

struct entry {
  __u64 value;
};
MAP(ARRAY, entries, 4, __u32, struct entry);

/* expect: cause=pointer-leak fix=none caps=none */
SEC("socket") int returns_a_pointer(struct __sk_buff *skb)
{
  return (int)(long)skb; // <- fault
}

/* expect: cause=pointer-leak fix=none caps=none */
SEC("socket") int pointer_into_a_map(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct entry *entry = bpf_map_lookup_elem(&entries, &key);

  if (!entry)
    return 0;
  entry->value = (__u64)entry; // <- fault
  return 0;
}

/* Comparing addresses tells about them, too. */
/* expect: cause=pointer-leak fix=none caps=none */
SEC("socket") int compares_pointers(struct __sk_buff *skb)
{
  __u32 key = 0, other = 1;
  struct entry *first = bpf_map_lookup_elem(&entries, &key);
  struct entry *second = bpf_map_lookup_elem(&entries, &other);

  if (!first || !second)
    return 0;
  return first < second; // <- fault
}

/* The stack's own address is sent through a map. */
/* expect: cause=pointer-leak fix=none caps=none */
SEC("socket") int pointer_by_update(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct entry entry;

  entry.value = (__u64)&entry;
  bpf_map_update_elem(&entries, &key, &entry, BPF_ANY); // <- fault
  return 0;
}

/* expect: cause=pointer-leak fix=none caps=none */
SEC("socket") int context_in_control_block(struct __sk_buff *skb)
{
  skb->cb[0] = (__u32)(long)skb; // <- fault
  return 0;
}

LICENSE("GPL");
