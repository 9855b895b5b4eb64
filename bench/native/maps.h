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
  __u32 stride, count, mask, value_at;
  /* Nodes given back, those never used up to `end`, the one the next replacing update fills. */
  __u32 free, fresh, end, spare;
  /* 64-bit words of an address (trie), hash functions (bloom filter), oldest element (queue). */
  __u32 words, hashes, tail, root;
  /* Heads of the hash chains; bits of a bloom filter. */
  __u32 *heads;
  char *elements;
  /* What only one type has. */
  void *own;
};

/* Allocates and fills in everything but the first line. */
void native_map_create(struct native_map *map);

/* Zeroed memory at a multiple of 64, in huge pages if BENCH_PAGES=huge. */
void *native_zeroed(unsigned long size);

/* Bytes from CPU 0's copy of a per-CPU value to this CPU's. */
extern unsigned long native_this_cpu;

/* For programs that know the type of their map, as the kernel does when it loads a program. */
void *hash_lookup(struct native_map *map, const void *key);
long hash_update(struct native_map *map, const void *key, const void *value, __u64 flags);
long hash_delete(struct native_map *map, const void *key);
void *percpu_hash_lookup(struct native_map *map, const void *key);
long percpu_hash_update(struct native_map *map, const void *key, const void *value, __u64 flags);
void *lru_lookup(struct native_map *map, const void *key);
long lru_update(struct native_map *map, const void *key, const void *value, __u64 flags);
long lru_delete(struct native_map *map, const void *key);
void *trie_lookup(struct native_map *map, const void *key);
long trie_update(struct native_map *map, const void *key, const void *value, __u64 flags);
long trie_delete(struct native_map *map, const void *key);
long array_update(struct native_map *map, const void *key, const void *value, __u64 flags);
long no_delete(struct native_map *map, const void *key);

void hash_create(struct native_map *map);
void percpu_hash_create(struct native_map *map);
void lru_create(struct native_map *map);
void trie_create(struct native_map *map);
void ring_create(struct native_map *map);
void queue_create(struct native_map *map);
void bloom_create(struct native_map *map);

/* Calls of a map's elements: for_each. Returns how many it called. */
typedef long (*native_each)(void *map, const void *key, void *value, void *context);
long hash_for_each(struct native_map *map, native_each each, void *context);
long lru_for_each(struct native_map *map, native_each each, void *context);
long array_for_each(struct native_map *map, native_each each, void *context);

/* Array look-ups stand in the program, as the kernel puts them there. */
static inline void *array_lookup_here(struct native_map *map, const void *key) {
  __u32 index = *(const __u32 *)key;
  return index < map->max_entries ? map->elements + (unsigned long)index * map->stride : NULL;
}

static inline void *percpu_array_lookup_here(struct native_map *map, const void *key) {
  __u32 index = *(const __u32 *)key;
  if (index >= map->max_entries)
    return NULL;
  return map->elements + (unsigned long)index * map->stride + native_this_cpu;
}

/* ---- Helpers that are not for one type of map ------------------------------------------------ */

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
void bpf_ringbuf_discard(void *data, __u64 flags);
long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags);
/* The reader: calls back with all finished records, oldest first; returns how many. */
__u32 ring_consume(struct native_map *ring, void (*record)(const void *data, __u32 size, void *context),
                   void *context);
/* A reader that looks at nothing: what is there counts as read. */
void ring_skip(struct native_map *ring);

long queue_push(struct native_map *map, const void *value, __u64 flags);
long queue_pop(struct native_map *map, void *value);
long bloom_set(struct native_map *map, const void *value, __u64 flags);
long bloom_test(struct native_map *map, void *value);

/* What has local storage: 16 places that remember the latest look-ups, and all its values. */
struct native_owner {
  struct native_storage *storage;
};
void *bpf_task_storage_get(void *map, void *task, void *value, __u64 flags);

/* ---- Handles that say their type, and ones that do not ---------------------------------------- */

#define NATIVE_TYPE_(kind)                                                                         \
  struct native_##kind {                                                                           \
    struct native_map map;                                                                         \
  }
NATIVE_TYPE_(HASH);
NATIVE_TYPE_(PERCPU_HASH);
NATIVE_TYPE_(LRU_HASH);
NATIVE_TYPE_(LPM_TRIE);
NATIVE_TYPE_(ARRAY);
NATIVE_TYPE_(PERCPU_ARRAY);
NATIVE_TYPE_(RINGBUF);
NATIVE_TYPE_(QUEUE);
NATIVE_TYPE_(BLOOM_FILTER);
NATIVE_TYPE_(TASK_STORAGE);

static inline void *native_lookup(struct native_map *map, const void *key) {
  return map->lookup(map, key);
}

static inline long native_update(struct native_map *map, const void *key, const void *value,
                                 __u64 flags) {
  return map->update(map, key, value, flags);
}

static inline long native_delete(struct native_map *map, const void *key) {
  return map->remove(map, key);
}

#define bpf_map_lookup_elem(handle, key)                                                           \
  _Generic((handle),                                                                               \
      struct native_HASH *: hash_lookup,                                                           \
      struct native_PERCPU_HASH *: percpu_hash_lookup,                                             \
      struct native_LRU_HASH *: lru_lookup,                                                        \
      struct native_LPM_TRIE *: trie_lookup,                                                       \
      struct native_ARRAY *: array_lookup_here,                                                    \
      struct native_PERCPU_ARRAY *: percpu_array_lookup_here,                                      \
      default: native_lookup)((struct native_map *)(handle), key)

#define bpf_map_update_elem(handle, key, value, flags)                                             \
  _Generic((handle),                                                                               \
      struct native_HASH *: hash_update,                                                           \
      struct native_PERCPU_HASH *: percpu_hash_update,                                             \
      struct native_LRU_HASH *: lru_update,                                                        \
      struct native_LPM_TRIE *: trie_update,                                                       \
      default: native_update)((struct native_map *)(handle), key, value, flags)

#define bpf_map_delete_elem(handle, key)                                                           \
  _Generic((handle),                                                                               \
      struct native_HASH *: hash_delete,                                                           \
      struct native_LRU_HASH *: lru_delete,                                                        \
      struct native_LPM_TRIE *: trie_delete,                                                       \
      default: native_delete)((struct native_map *)(handle), key)

#define bpf_for_each_map_elem(handle, callback, context, flags)                                    \
  _Generic((handle),                                                                               \
      struct native_HASH *: hash_for_each,                                                         \
      struct native_LRU_HASH *: lru_for_each,                                                      \
      struct native_ARRAY *: array_for_each)((struct native_map *)(handle),                        \
                                             (native_each)(callback), context)

#define bpf_map_push_elem(handle, value, flags)                                                    \
  _Generic((handle), struct native_QUEUE *: queue_push, struct native_BLOOM_FILTER *: bloom_set)(  \
      (struct native_map *)(handle), value, flags)

#define bpf_map_pop_elem(handle, value) queue_pop((struct native_map *)(handle), value)
#define bpf_map_peek_elem(handle, value) bloom_test((struct native_map *)(handle), value)

#endif
