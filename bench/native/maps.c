// SPDX-License-Identifier: MIT
// Array, hash, LRU hash and LPM trie as the kernel has them: preallocated elements, chained buckets
// hashed with Jenkins' lookup3, a path-compressed binary trie. One thread, so no locks.
#include <stdlib.h>
#undef memcpy
#undef memset
#include <string.h>
#include "maps.h"

#define NONE 0xffffffffu

struct element {
  __u32 next, hash;
  /* LRU: used since the hand last passed. */
  __u32 referenced, unused;
  char key[];
};

struct node {
  __u32 child[2];
  __u32 length, has_value;
  /* The address, rounded up to 8 bytes, then the value. */
  __u8 address[];
};

static __u32 round_up(__u32 size, __u32 unit) { return (size + unit - 1) / unit * unit; }

static void *zeroed(unsigned long size) {
  void *memory = calloc(1, size);
  if (!memory)
    abort();
  return memory;
}

/* ---- Hash --------------------------------------------------------------------------------- */

static inline __u32 rotate(__u32 x, int bits) { return x << bits | x >> (32 - bits); }

/* Jenkins' lookup3 over whole words, the public-domain function the kernel uses as well. */
static inline __u32 hash_key(const void *key, __u32 size) {
  const __u32 *k = key;
  __u32 length = size / 4;
  __u32 a = 0xdeadbeef + (length << 2), b = a, c = a;
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

static inline struct element *element_at(struct native_map *map, __u32 index) {
  return (struct element *)(map->elements + (unsigned long)index * map->stride);
}

static inline void *element_value(struct native_map *map, struct element *element) {
  return element->key + round_up(map->key_size, 8);
}

static inline int same_key(const void *a, const void *b, __u32 size) {
  if (size == 4)
    return *(const __u32 *)a == *(const __u32 *)b;
  if (size == 8)
    return *(const __u64 *)a == *(const __u64 *)b;
  return memcmp(a, b, size) == 0;
}

static inline __u32 find(struct native_map *map, const void *key, __u32 hash) {
  __u32 index = map->heads[hash & (map->buckets - 1)];
  while (index != NONE) {
    struct element *element = element_at(map, index);
    if (element->hash == hash && same_key(element->key, key, map->key_size))
      return index;
    index = element->next;
  }
  return NONE;
}

static void hash_create(struct native_map *map) {
  map->buckets = 1;
  while (map->buckets < map->max_entries)
    map->buckets *= 2;
  map->heads = malloc(map->buckets * 4ul);
  memset(map->heads, 0xff, map->buckets * 4ul);
  map->stride = sizeof(struct element) + round_up(map->key_size, 8) + round_up(map->value_size, 8);
  map->elements = zeroed((unsigned long)map->stride * map->max_entries);
  for (__u32 i = 0; i < map->max_entries; i++)
    element_at(map, i)->next = i + 1 < map->max_entries ? i + 1 : NONE;
}

static void unlink_element(struct native_map *map, __u32 index) {
  struct element *element = element_at(map, index);
  __u32 *link = &map->heads[element->hash & (map->buckets - 1)];
  while (*link != index)
    link = &element_at(map, *link)->next;
  *link = element->next;
  element->next = map->free;
  map->free = index;
  map->count--;
}

/* Second chance: takes the first element that was not used since the hand came by. */
static void evict(struct native_map *map) {
  for (;; map->hand = (map->hand + 1) % map->max_entries) {
    struct element *element = element_at(map, map->hand);
    if (!element->referenced)
      return unlink_element(map, map->hand);
    element->referenced = 0;
  }
}

static long hash_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  __u32 hash = hash_key(key, map->key_size);
  __u32 index = find(map, key, hash);
  if (index != NONE) {
    if (flags == BPF_NOEXIST)
      return -17;
    memcpy(element_value(map, element_at(map, index)), value, map->value_size);
    return 0;
  }
  if (flags == BPF_EXIST)
    return -2;
  if (map->free == NONE) {
    if (map->type != BPF_MAP_TYPE_LRU_HASH)
      return -7;
    evict(map);
  }
  index = map->free;
  struct element *element = element_at(map, index);
  __u32 *head = &map->heads[hash & (map->buckets - 1)];
  map->free = element->next;
  map->count++;
  element->hash = hash;
  element->referenced = 0;
  memcpy(element->key, key, map->key_size);
  memcpy(element_value(map, element), value, map->value_size);
  element->next = *head;
  *head = index;
  return 0;
}

static void *hash_lookup(struct native_map *map, const void *key) {
  __u32 index = find(map, key, hash_key(key, map->key_size));
  return index == NONE ? NULL : element_value(map, element_at(map, index));
}

static long hash_delete(struct native_map *map, const void *key) {
  __u32 index = find(map, key, hash_key(key, map->key_size));
  if (index == NONE)
    return -2;
  unlink_element(map, index);
  return 0;
}

/* ---- LPM trie: keys are a u32 prefix length and up to 16 address bytes ------------------------ */

static void trie_create(struct native_map *map) {
  map->heads = malloc(4);
  *map->heads = NONE;
  map->address_size = round_up(map->key_size - 4, 8);
  map->stride = sizeof(struct node) + map->address_size + round_up(map->value_size, 8);
  // A branch without a value may stand above each entry.
  map->elements = zeroed((unsigned long)map->stride * map->max_entries * 2);
}

static inline struct node *node_at(struct native_map *map, __u32 index) {
  return (struct node *)(map->elements + (unsigned long)index * map->stride);
}

static inline void *node_value(struct native_map *map, struct node *node) {
  return node->address + map->address_size;
}

static inline int bit_of(const __u8 *address, __u32 bit) {
  return address[bit / 8] >> (7 - bit % 8) & 1;
}

/* How many leading bits are equal, at most `limit`. Addresses are whole words. */
static inline __u32 common_bits(const __u8 *a, const __u8 *b, __u32 limit) {
  for (__u32 bits = 0; bits < limit; bits += 32) {
    __u32 x, y;
    memcpy(&x, a + bits / 8, 4);
    memcpy(&y, b + bits / 8, 4);
    if (x != y) {
      bits += __builtin_clz(__builtin_bswap32(x ^ y));
      return bits < limit ? bits : limit;
    }
  }
  return limit;
}

static void *trie_lookup(struct native_map *map, const void *key) {
  __u32 wanted = *(const __u32 *)key;
  const __u8 *address = (const __u8 *)key + 4;
  struct node *best = NULL;
  __u32 index = *map->heads;
  while (index != NONE) {
    struct node *node = node_at(map, index);
    __u32 limit = node->length < wanted ? node->length : wanted;
    __u32 common = common_bits(node->address, address, limit);
    if (common < node->length)
      break;
    if (node->has_value)
      best = node;
    if (common == wanted)
      break;
    index = node->child[bit_of(address, common)];
  }
  return best ? node_value(map, best) : NULL;
}

static __u32 new_node(struct native_map *map, const __u8 *address, __u32 length) {
  struct node *node = node_at(map, map->nodes);
  node->child[0] = node->child[1] = NONE;
  node->length = length;
  memcpy(node->address, address, map->key_size - 4);
  return map->nodes++;
}

static long trie_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  (void)flags;
  __u32 length = *(const __u32 *)key;
  const __u8 *address = (const __u8 *)key + 4;
  __u32 *link = map->heads;
  __u32 common = 0;
  while (*link != NONE) {
    struct node *node = node_at(map, *link);
    common = common_bits(node->address, address, node->length < length ? node->length : length);
    if (common < node->length || common == length)
      break;
    link = &node->child[bit_of(address, common)];
  }
  __u32 old = *link;
  int exact = old != NONE && node_at(map, old)->length == length && common == length;
  if (map->count >= map->max_entries && !(exact && node_at(map, old)->has_value))
    return -28;
  __u32 fresh = exact ? old : new_node(map, address, length);
  struct node *node = node_at(map, fresh);
  map->count += !node->has_value;
  node->has_value = 1;
  memcpy(node_value(map, node), value, map->value_size);
  if (exact || old == NONE) {
    *link = fresh;
  } else if (common == length) {
    node->child[bit_of(node_at(map, old)->address, common)] = old;
    *link = fresh;
  } else {
    __u32 branch = new_node(map, address, common);
    node_at(map, branch)->child[bit_of(address, common)] = fresh;
    node_at(map, branch)->child[!bit_of(address, common)] = old;
    *link = branch;
  }
  return 0;
}

/* ---- Arrays; and what each type can do --------------------------------------------------------- */

static void *array_lookup(struct native_map *map, const void *key) {
  __u32 index = *(const __u32 *)key;
  return index < map->max_entries ? map->elements + (unsigned long)index * map->stride : NULL;
}

static long array_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  void *to = array_lookup(map, key);
  if (!to)
    return -7;
  if (flags == BPF_NOEXIST)
    return -17;
  memcpy(to, value, map->value_size);
  return 0;
}

static long no_delete(struct native_map *map, const void *key) {
  (void)map, (void)key;
  return -22;
}

static void array_create(struct native_map *map) {
  map->stride = round_up(map->value_size, 8);
  map->elements = zeroed((unsigned long)map->stride * map->max_entries);
}

static void *lru_lookup(struct native_map *map, const void *key) {
  __u32 index = find(map, key, hash_key(key, map->key_size));
  if (index == NONE)
    return NULL;
  struct element *element = element_at(map, index);
  if (!element->referenced)
    element->referenced = 1;
  return element_value(map, element);
}

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
      trie_create(map);
      map->lookup = trie_lookup;
      map->update = trie_update;
      break;
    default:
      hash_create(map);
      map->lookup = map->type == BPF_MAP_TYPE_LRU_HASH ? lru_lookup : hash_lookup;
      map->update = hash_update;
      map->remove = hash_delete;
  }
}
