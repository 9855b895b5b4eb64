/* SPDX-License-Identifier: MIT
 * BPF maps for natively compiled benchmarks: the kernel's algorithms, in C of our own. Compiled
 * apart from the programs, so a call of a helper is a call, as it is in the kernel.
 */
#ifndef NATIVE_MAPS_H
#define NATIVE_MAPS_H

#include <beeyard/bpf.h>

struct native_map {
  __u32 type, key_size, value_size, max_entries;
  /* As in the kernel, each type has functions of its own; nobody asks for the type at run time. */
  void *(*lookup)(struct native_map *map, const void *key);
  long (*update)(struct native_map *map, const void *key, const void *value, __u64 flags);
  long (*remove)(struct native_map *map, const void *key);
  __u32 stride, buckets, count, free, hand, words, value_at;
  /* Bytes of elements in use. */
  __u32 end;
  /* Heads of the hash chains, or the root of the trie. */
  __u32 *heads;
  char *elements;
};

/* Allocates and fills in everything but the first line. */
void native_map_create(struct native_map *map);

static inline void *bpf_map_lookup_elem(void *handle, const void *key) {
  struct native_map *map = handle;
  return map->lookup(map, key);
}

static inline long bpf_map_update_elem(void *handle, const void *key, const void *value,
                                       __u64 flags) {
  struct native_map *map = handle;
  return map->update(map, key, value, flags);
}

static inline long bpf_map_delete_elem(void *handle, const void *key) {
  struct native_map *map = handle;
  return map->remove(map, key);
}

#endif
