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
  /* The address as 64-bit numbers, first bit on top; then the value. */
  __u64 address[];
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
static __always_inline __u32 hash_key(const void *key, __u32 size) {
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

/* Links are byte offsets, so that following one is an addition. */
static inline struct element *element_at(struct native_map *map, __u32 at) {
  return (struct element *)(map->elements + at);
}

static inline void *element_value(struct native_map *map, struct element *element) {
  return element->key + map->value_at;
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

static __always_inline __u32 find_sized(struct native_map *map, const void *key, __u32 size,
                                        __u32 hash) {
  __u32 at = map->heads[hash & (map->buckets - 1)];
  while (at != NONE) {
    struct element *element = element_at(map, at);
    if (element->hash == hash && same_key(element->key, key, size))
      return at;
    at = element->next;
  }
  return NONE;
}

/* Hash and place of a key; one copy of the code for each usual size, as in beeyard's runtime. */
static __always_inline __u32 find(struct native_map *map, const void *key, __u32 *hash) {
  switch (map->key_size) {
    case 4:
      return find_sized(map, key, 4, *hash = hash_key(key, 4));
    case 8:
      return find_sized(map, key, 8, *hash = hash_key(key, 8));
    case 16:
      return find_sized(map, key, 16, *hash = hash_key(key, 16));
    default:
      return find_sized(map, key, map->key_size, *hash = hash_key(key, map->key_size));
  }
}

static void hash_create(struct native_map *map) {
  map->buckets = 1;
  while (map->buckets < map->max_entries)
    map->buckets *= 2;
  map->heads = malloc(map->buckets * 4ul);
  memset(map->heads, 0xff, map->buckets * 4ul);
  map->value_at = round_up(map->key_size, 8);
  map->stride = sizeof(struct element) + map->value_at + round_up(map->value_size, 8);
  map->end = map->stride * map->max_entries;
  map->elements = zeroed(map->end);
  for (__u32 at = 0; at < map->end; at += map->stride)
    element_at(map, at)->next = at + map->stride < map->end ? at + map->stride : NONE;
}

static void unlink_element(struct native_map *map, __u32 at) {
  struct element *element = element_at(map, at);
  __u32 *link = &map->heads[element->hash & (map->buckets - 1)];
  while (*link != at)
    link = &element_at(map, *link)->next;
  *link = element->next;
  element->next = map->free;
  map->free = at;
  map->count--;
}

/* Second chance: takes the first element that was not used since the hand came by. */
static void evict(struct native_map *map) {
  for (;; map->hand = map->hand + map->stride < map->end ? map->hand + map->stride : 0) {
    struct element *element = element_at(map, map->hand);
    if (!element->referenced)
      return unlink_element(map, map->hand);
    element->referenced = 0;
  }
}

static long hash_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  __u32 hash;
  __u32 at = find(map, key, &hash);
  if (at != NONE) {
    if (flags == BPF_NOEXIST)
      return -17;
    memcpy(element_value(map, element_at(map, at)), value, map->value_size);
    return 0;
  }
  if (flags == BPF_EXIST)
    return -2;
  if (map->free == NONE) {
    if (map->type != BPF_MAP_TYPE_LRU_HASH)
      return -7;
    evict(map);
  }
  at = map->free;
  struct element *element = element_at(map, at);
  __u32 *head = &map->heads[hash & (map->buckets - 1)];
  map->free = element->next;
  map->count++;
  element->hash = hash;
  element->referenced = 0;
  memcpy(element->key, key, map->key_size);
  memcpy(element_value(map, element), value, map->value_size);
  element->next = *head;
  *head = at;
  return 0;
}

static void *hash_lookup(struct native_map *map, const void *key) {
  __u32 hash;
  __u32 at = find(map, key, &hash);
  return at == NONE ? NULL : element_value(map, element_at(map, at));
}

static long hash_delete(struct native_map *map, const void *key) {
  __u32 hash;
  __u32 at = find(map, key, &hash);
  if (at == NONE)
    return -2;
  unlink_element(map, at);
  return 0;
}

/* ---- LPM trie: keys are a u32 prefix length and 4 to 16 address bytes ------------------------- */

#define MAX_WORDS 2

static void trie_create(struct native_map *map) {
  map->heads = malloc(4);
  *map->heads = NONE;
  map->words = round_up(map->key_size - 4, 8) / 8;
  map->stride = sizeof(struct node) + map->words * 8 + round_up(map->value_size, 8);
  // A branch without a value may stand above each entry.
  map->elements = zeroed((unsigned long)map->stride * map->max_entries * 2);
}

static inline struct node *node_at(struct native_map *map, __u32 at) {
  return (struct node *)(map->elements + at);
}

static inline void *node_value(struct native_map *map, struct node *node) {
  return node->address + map->words;
}

static inline void unpack(struct native_map *map, const void *key, __u64 *address) {
  const char *bytes = (const char *)key + 4;
  if (map->key_size == 8) {
    __u32 word;
    memcpy(&word, bytes, 4);
    address[0] = (__u64)__builtin_bswap32(word) << 32;
    return;
  }
  __u64 words[MAX_WORDS] = {0};
  memcpy(words, bytes, map->key_size - 4);
  for (__u32 i = 0; i < map->words; i++)
    address[i] = __builtin_bswap64(words[i]);
}

static inline int bit_of(const __u64 *address, __u32 bit, __u32 words) {
  __u64 word = words == 1 || bit < 64 ? address[0] : address[1];
  return word >> (63 - bit % 64) & 1;
}

/* How many leading bits are equal. */
static inline __u32 common_bits(const __u64 *a, const __u64 *b, __u32 words) {
  if (a[0] != b[0])
    return __builtin_clzll(a[0] ^ b[0]);
  if (words == 1 || a[1] == b[1])
    return words * 64;
  return 64 + __builtin_clzll(a[1] ^ b[1]);
}

static inline __u32 least(__u32 a, __u32 b) { return a < b ? a : b; }

static inline void *trie_search(struct native_map *map, const void *key, __u32 words) {
  __u64 address[MAX_WORDS];
  __u32 wanted = *(const __u32 *)key, full = (map->key_size - 4) * 8;
  struct node *best = NULL;
  unpack(map, key, address);
  for (__u32 at = *map->heads; at != NONE;) {
    struct node *node = node_at(map, at);
    __u32 length = node->length;
    if (least(common_bits(node->address, address, words), wanted) < length)
      break;
    if (node->has_value)
      best = node;
    if (length == full)
      break;
    at = node->child[bit_of(address, length, words)];
  }
  return best ? node_value(map, best) : NULL;
}

static void *trie_lookup(struct native_map *map, const void *key) {
  return map->words == 1 ? trie_search(map, key, 1) : trie_search(map, key, 2);
}

static __u32 new_node(struct native_map *map, const __u64 *address, __u32 length) {
  struct node *node = node_at(map, map->end);
  node->child[0] = node->child[1] = NONE;
  node->length = length;
  memcpy(node->address, address, map->words * 8);
  __u32 at = map->end;
  map->end += map->stride;
  return at;
}

static long trie_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  (void)flags;
  __u64 address[MAX_WORDS];
  __u32 length = *(const __u32 *)key, common = 0;
  unpack(map, key, address);
  __u32 *link = map->heads;
  while (*link != NONE) {
    struct node *node = node_at(map, *link);
    common = least(common_bits(node->address, address, map->words), least(node->length, length));
    if (common < node->length || common == length)
      break;
    link = &node->child[bit_of(address, common, map->words)];
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
    node->child[bit_of(node_at(map, old)->address, common, map->words)] = old;
    *link = fresh;
  } else {
    __u32 branch = new_node(map, address, common);
    node_at(map, branch)->child[bit_of(address, common, map->words)] = fresh;
    node_at(map, branch)->child[!bit_of(address, common, map->words)] = old;
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
  __u32 hash;
  __u32 at = find(map, key, &hash);
  if (at == NONE)
    return NULL;
  struct element *element = element_at(map, at);
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
