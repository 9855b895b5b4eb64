// SPDX-License-Identifier: MIT
// hash and percpu_hash (kernel/bpf/hashtab.c): preallocated nodes; an update of a key that is there
// fills a spare node and puts it at the head of the chain. One thread, so no locks.
#include "table.h"

#define KEY 8
/* Per CPU: the value's address stands before the key. */
#define PERCPU_KEY 16

void hash_create(struct native_map *map) {
  table_create(map, KEY, map->value_size, 0, map->max_entries + 1);
  map->spare = take_fresh(map);
}

void *hash_lookup(struct native_map *map, const void *key) {
  struct node *node = find(map, key, KEY);
  return node ? (char *)node + map->value_at : NULL;
}

static inline long exists_check(__u32 old, __u64 flags) {
  if (flags > BPF_EXIST)
    return -22;
  if (old)
    return flags == BPF_NOEXIST ? -17 : 0;
  return flags == BPF_EXIST ? -2 : 0;
}

static __always_inline long update(struct native_map *map, const void *key, const void *value,
                                   __u64 flags, __u32 size) {
  __u32 hash, *bucket, *link = find_sized(map, key, size, KEY, &hash, &bucket), old = *link;
  long error = flags ? exists_check(old, flags) : 0;
  if (error)
    return error;
  __u32 at = old ? map->spare : take_node(map);
  if (!at)
    return -7;
  struct node *node = node_at(map, at);
  copy((char *)node + KEY, key, size);
  copy((char *)node + map->value_at, value, map->value_size);
  link_node(map, bucket, at, hash);
  if (!old) {
    map->count++;
    return 0;
  }
  *(link == bucket ? &node->next : link) = node_at(map, old)->next;
  map->spare = old;
  return 0;
}

long hash_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  switch (map->key_size) {
    case 4:
      return update(map, key, value, flags, 4);
    case 8:
      return update(map, key, value, flags, 8);
    case 16:
      return update(map, key, value, flags, 16);
    default:
      return update(map, key, value, flags, map->key_size);
  }
}

static __always_inline long delete(struct native_map *map, const void *key, __u32 offset) {
  __u32 hash, *bucket, *link = find_link(map, key, offset, &hash, &bucket), at = *link;
  if (!at)
    return -2;
  struct node *node = node_at(map, at);
  *link = node->next;
  node->hash = map->free;
  map->free = at;
  map->count--;
  return 0;
}

long hash_delete(struct native_map *map, const void *key) { return delete(map, key, KEY); }

long hash_for_each(struct native_map *map, native_each each, void *context) {
  return each_node(map, each, context, KEY);
}

/* ---- Per CPU ---------------------------------------------------------------------------------- */

static inline char **percpu_value(struct node *node) { return (char **)(node + 1); }

void percpu_hash_create(struct native_map *map) {
  table_create(map, PERCPU_KEY, 0, 0, map->max_entries);
  map->own = native_zeroed(round_up(map->value_size, 8) * (unsigned long)map->max_entries);
}

void *percpu_hash_lookup(struct native_map *map, const void *key) {
  struct node *node = find(map, key, PERCPU_KEY);
  return node ? *percpu_value(node) + native_this_cpu : NULL;
}

long percpu_hash_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  __u32 hash, *bucket, at = *find_link(map, key, PERCPU_KEY, &hash, &bucket);
  long error = flags ? exists_check(at, flags) : 0;
  if (error)
    return error;
  if (!at) {
    at = take_node(map);
    if (!at)
      return -7;
    struct node *node = node_at(map, at);
    unsigned long index = (at - map->stride) / map->stride;
    *percpu_value(node) = (char *)map->own + index * round_up(map->value_size, 8);
    copy((char *)node + PERCPU_KEY, key, map->key_size);
    link_node(map, bucket, at, hash);
    map->count++;
  }
  copy(*percpu_value(node_at(map, at)) + native_this_cpu, value, map->value_size);
  return 0;
}
