// SPDX-License-Identifier: MIT
// What each type of map can do, and where its memory comes from.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#undef memcpy
#undef memset
#include <string.h>
#include "maps.h"

#define HUGE_PAGE (2ul << 20)

unsigned long native_this_cpu;

void storage_create(struct native_map *map);

void *native_zeroed(unsigned long size) {
  const char *pages = getenv("BENCH_PAGES");
  int huge = pages && !strcmp(pages, "huge") && size >= HUGE_PAGE;
  unsigned long unit = huge ? HUGE_PAGE : 4096;
  if (size < 4096)
    unit = 64;
  size = (size + unit - 1) / unit * unit;
  void *memory;
  if (posix_memalign(&memory, unit, size))
    abort();
  if (huge)
    madvise(memory, size, MADV_HUGEPAGE);
  return memset(memory, 0, size);
}

static void array_create(struct native_map *map) {
  map->stride = (map->value_size + 7) / 8 * 8;
  map->elements = native_zeroed((unsigned long)map->stride * map->max_entries);
}

static void *array_lookup(struct native_map *map, const void *key) {
  return array_lookup_here(map, key);
}

#define OPERATIONS(type)                                                                           \
  type##_create(map), map->lookup = type##_lookup, map->update = type##_update,                    \
                      map->remove = type##_delete

void native_map_create(struct native_map *map) {
  map->remove = no_delete;
  switch (map->type) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
      array_create(map);
      map->lookup = array_lookup;
      map->update = array_update;
      break;
    case BPF_MAP_TYPE_LPM_TRIE:
      OPERATIONS(trie);
      break;
    case BPF_MAP_TYPE_LRU_HASH:
      OPERATIONS(lru);
      break;
    case BPF_MAP_TYPE_PERCPU_HASH:
      percpu_hash_create(map);
      map->lookup = percpu_hash_lookup;
      map->update = percpu_hash_update;
      break;
    case BPF_MAP_TYPE_RINGBUF:
      ring_create(map);
      break;
    case BPF_MAP_TYPE_QUEUE:
      queue_create(map);
      break;
    case BPF_MAP_TYPE_BLOOM_FILTER:
      bloom_create(map);
      break;
    case BPF_MAP_TYPE_TASK_STORAGE:
      storage_create(map);
      break;
    default:
      OPERATIONS(hash);
  }
}
