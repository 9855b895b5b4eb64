/* SPDX-License-Identifier: MIT
 * Hash chains, for hash.c and lru.c: a power of two of buckets, chains that grow at their head,
 * Jenkins' lookup3. Links are offsets from `elements`, so that following one is an addition and takes
 * half the room of a pointer; 0 ends a chain. Where the key stands in a node (KEY) is a constant.
 */
#ifndef NATIVE_TABLE_H
#define NATIVE_TABLE_H

#undef memcpy
#undef memset
#include <string.h>
#include "maps.h"

struct node {
  __u32 next, hash;
};

static inline __u32 round_up(__u32 size, __u32 unit) { return (size + unit - 1) / unit * unit; }

static inline __u32 rotate(__u32 x, int bits) { return x << bits | x >> (32 - bits); }

/* lookup3 over whole words, the public-domain function the kernel uses as well. */
static __always_inline __u32 hash_words(const void *key, __u32 size, __u32 init) {
  const __u32 *k = key;
  __u32 length = size / 4;
  __u32 a = init, b = a, c = a;
  while (length > 3) {
    a += k[0], b += k[1], c += k[2];
    a -= c, a ^= rotate(c, 4), c += b;
    b -= a, b ^= rotate(a, 6), a += c;
    c -= b, c ^= rotate(b, 8), b += a;
    a -= c, a ^= rotate(c, 16), c += b;
    b -= a, b ^= rotate(a, 19), a += c;
    c -= b, c ^= rotate(b, 4), b += a;
    length -= 3, k += 3;
  }
  if (length == 0)
    return c;
  c += length > 2 ? k[2] : 0;
  b += length > 1 ? k[1] : 0;
  a += k[0];
  c ^= b, c -= rotate(b, 14);
  a ^= c, a -= rotate(c, 11);
  b ^= a, b -= rotate(a, 25);
  c ^= b, c -= rotate(b, 16);
  a ^= c, a -= rotate(c, 4);
  b ^= a, b -= rotate(a, 14);
  c ^= b, c -= rotate(b, 24);
  return c;
}

#define HASH_INIT 0xdeadbeef

static __always_inline __u32 hash_key(const void *key, __u32 size) {
  return hash_words(key, size, HASH_INIT + size);
}

static inline struct node *node_at(const struct native_map *map, __u32 at) {
  return (struct node *)(map->elements + at);
}

static __always_inline int same_key(const void *a, const void *b, __u32 size) {
  if (size == 4)
    return *(const __u32 *)a == *(const __u32 *)b;
  const __u64 *x = a, *y = b;
  if (size == 8)
    return x[0] == y[0];
  if (size == 16)
    return x[0] == y[0] && x[1] == y[1];
  return memcmp(a, b, size) == 0;
}

/* Copies of the usual sizes need no call. */
static __always_inline void copy(void *to, const void *from, __u32 size) {
  if (size == 8)
    memcpy(to, from, 8);
  else if (size == 4)
    memcpy(to, from, 4);
  else if (size == 16)
    memcpy(to, from, 16);
  else
    memcpy(to, from, size);
}

/* The link (in the bucket or a node) to the key's node, or to nothing. */
static __always_inline __u32 *find_sized(struct native_map *map, const void *key, __u32 size,
                                         __u32 KEY, __u32 *hash, __u32 **bucket) {
  *hash = hash_key(key, size);
  __u32 *link = *bucket = &map->heads[*hash & map->mask];
  while (*link) {
    struct node *node = node_at(map, *link);
    int same = size == 4 || size == 8 || size == 16 || node->hash == *hash;
    if (same && same_key((char *)node + KEY, key, size))
      return link;
    link = &node->next;
  }
  return link;
}

/* One copy of the code for each usual size of key, as in beeyard's runtime. */
static __always_inline __u32 *find_link(struct native_map *map, const void *key, __u32 KEY,
                                        __u32 *hash, __u32 **bucket) {
  switch (map->key_size) {
    case 4:
      return find_sized(map, key, 4, KEY, hash, bucket);
    case 8:
      return find_sized(map, key, 8, KEY, hash, bucket);
    case 16:
      return find_sized(map, key, 16, KEY, hash, bucket);
    default:
      return find_sized(map, key, map->key_size, KEY, hash, bucket);
  }
}

static __always_inline struct node *find(struct native_map *map, const void *key, __u32 KEY) {
  __u32 hash, *bucket;
  __u32 at = *find_link(map, key, KEY, &hash, &bucket);
  return at ? node_at(map, at) : NULL;
}

/* Buckets, and room for `nodes` nodes from `first` on. Small nodes do not straddle cache lines. */
static inline void table_create(struct native_map *map, __u32 KEY, __u32 in_node, __u32 first,
                                __u32 nodes) {
  __u32 buckets = 1;
  while (buckets < map->max_entries)
    buckets *= 2;
  map->mask = buckets - 1;
  map->heads = native_zeroed(buckets * 4ul);
  map->value_at = KEY + round_up(map->key_size, 8);
  __u32 size = map->value_at + round_up(in_node, 8);
  map->stride = size <= 32 ? 32 : round_up(size, 16);
  map->fresh = first ? first : map->stride;
  map->end = map->fresh + map->stride * nodes;
  map->elements = native_zeroed(map->end);
}

static inline __u32 take_fresh(struct native_map *map) {
  __u32 at = map->fresh;
  if (at >= map->end)
    return 0;
  map->fresh += map->stride;
  return at;
}

static __always_inline __u32 take_node(struct native_map *map) {
  __u32 at = map->free;
  if (!at)
    return take_fresh(map);
  map->free = node_at(map, at)->hash;
  return at;
}

/* Puts a finished node at the head of its chain. */
static inline void link_node(struct native_map *map, __u32 *bucket, __u32 at, __u32 hash) {
  struct node *node = node_at(map, at);
  node->hash = hash;
  node->next = *bucket;
  *bucket = at;
}

/* Calls back for every element, in order of buckets. */
static __always_inline long each_node(struct native_map *map, native_each each, void *context,
                                      __u32 KEY) {
  long seen = 0;
  for (__u32 bucket = 0;; bucket++) {
    for (__u32 at = map->heads[bucket]; at;) {
      struct node *node = node_at(map, at);
      at = node->next;
      seen++;
      if (each(map, (char *)node + KEY, (char *)node + map->value_at, context))
        return seen;
    }
    if (bucket == map->mask)
      return seen;
  }
}

#endif
