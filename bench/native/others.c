// SPDX-License-Identifier: MIT
// Queue, bloom filter, array and the storage of tasks (kernel/bpf/queue_stack_maps.c,
// bloom_filter.c, arraymap.c, bpf_local_storage.c). One thread, so no locks.
#include <stdlib.h>
#include "table.h"

/* ---- Queue ------------------------------------------------------------------------------------ */

void queue_create(struct native_map *map) {
  map->elements = native_zeroed((unsigned long)map->value_size * map->max_entries);
}

long queue_push(struct native_map *map, const void *value, __u64 flags) {
  int full = map->count == map->max_entries;
  if (flags & BPF_NOEXIST || flags > BPF_EXIST)
    return -22;
  if (full && flags != BPF_EXIST)
    return -7;
  if (full) {
    map->tail = map->tail + 1 == map->max_entries ? 0 : map->tail + 1;
    map->count--;
  }
  __u32 at = map->tail + map->count;
  if (at >= map->max_entries)
    at -= map->max_entries;
  copy(map->elements + (unsigned long)at * map->value_size, value, map->value_size);
  map->count++;
  return 0;
}

long queue_pop(struct native_map *map, void *value) {
  if (!map->count) {
    memset(value, 0, map->value_size);
    return -2;
  }
  copy(value, map->elements + (unsigned long)map->tail * map->value_size, map->value_size);
  map->tail = map->tail + 1 == map->max_entries ? 0 : map->tail + 1;
  map->count--;
  return 0;
}

/* ---- Bloom filter ----------------------------------------------------------------------------- */

void bloom_create(struct native_map *map) {
  map->hashes = 5;
  __u64 bits = (__u64)map->max_entries * map->hashes / 5 * 7, size = 64;
  while (size < bits)
    size *= 2;
  map->mask = size - 1;
  map->heads = native_zeroed(size / 8);
}

/* Bit of a value under the hash function whose lookup3 starts from `init`. */
static inline __u32 bloom_bit(struct native_map *map, const void *value, __u32 init) {
  __u32 hash = map->value_size == 8 ? hash_words(value, 8, init)
                                    : hash_words(value, map->value_size, init);
  return hash & map->mask;
}

long bloom_set(struct native_map *map, const void *value, __u64 flags) {
  if (flags)
    return -22;
  __u32 init = HASH_INIT + map->value_size;
  for (__u32 i = 0; i < map->hashes; i++) {
    __u32 bit = bloom_bit(map, value, init + i);
    map->heads[bit / 32] |= 1u << bit % 32;
  }
  return 0;
}

long bloom_test(struct native_map *map, void *value) {
  __u32 init = HASH_INIT + map->value_size;
  for (__u32 i = 0; i < map->hashes; i++) {
    __u32 bit = bloom_bit(map, value, init + i);
    if (!(map->heads[bit / 32] >> bit % 32 & 1))
      return -2;
  }
  return 0;
}

/* ---- Array ------------------------------------------------------------------------------------ */

long array_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  void *to = array_lookup_here(map, key);
  if (!to)
    return -7;
  if (flags == BPF_NOEXIST)
    return -17;
  copy(to, value, map->value_size);
  return 0;
}

long no_delete(struct native_map *map, const void *key) {
  (void)map, (void)key;
  return -22;
}

long array_for_each(struct native_map *map, native_each each, void *context) {
  for (__u32 i = 0; i < map->max_entries; i++) {
    __u32 key = i;
    if (each(map, &key, map->elements + (unsigned long)i * map->stride, context))
      return i + 1;
  }
  return map->max_entries;
}

/* ---- Storage of tasks --------------------------------------------------------------------------- */

#define CACHE 16

struct native_value {
  struct native_map *map;
  struct native_value *next;
  char bytes[];
};

struct native_storage {
  struct native_value *cache[CACHE];
  struct native_value *first;
};

static __u32 next_place;

static struct native_value *storage_find(struct native_map *map, struct native_storage *storage) {
  struct native_value **place = &storage->cache[map->root];
  if (*place && (*place)->map == map)
    return *place;
  struct native_value *value = storage->first;
  while (value && value->map != map)
    value = value->next;
  if (value)
    *place = value;
  return value;
}

static void *storage_add(struct native_map *map, struct native_owner *owner, const void *value) {
  if (!owner->storage)
    owner->storage = native_zeroed(sizeof(struct native_storage));
  struct native_value *fresh = calloc(1, sizeof(*fresh) + map->value_size);
  if (!fresh)
    return NULL;
  fresh->map = map;
  fresh->next = owner->storage->first;
  owner->storage->first = fresh;
  if (value)
    memcpy(fresh->bytes, value, map->value_size);
  return fresh->bytes;
}

void *bpf_task_storage_get(void *handle, void *task, void *value, __u64 flags) {
  struct native_map *map = handle;
  struct native_owner *owner = task;
  if (flags & ~1ull || !owner)
    return NULL;
  struct native_value *found = owner->storage ? storage_find(map, owner->storage) : NULL;
  if (found)
    return found->bytes;
  return flags ? storage_add(map, owner, value) : NULL;
}

/* Each map remembers in a place of its own, as long as there are enough. */
void storage_create(struct native_map *map) { map->root = next_place++ % CACHE; }
