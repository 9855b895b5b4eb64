// SPDX-License-Identifier: MIT
// lpm_trie (kernel/bpf/lpm_trie.c): a binary trie that skips levels without a choice. Keys are a u32
// prefix length and 4 to 16 address bytes. One thread, so no locks.
#include <stdlib.h>
#undef memcpy
#undef memset
#include <string.h>
#include "maps.h"

#define NONE 0xffffffffu
#define MAX_WORDS 2

struct trie_node {
  __u32 child[2];
  __u32 length, has_value;
  /* The address as 64-bit numbers, first bit on top; then the value. */
  __u64 address[];
};

void trie_create(struct native_map *map) {
  map->root = map->free = NONE;
  map->words = (map->key_size - 4 + 7) / 8;
  map->stride = sizeof(struct trie_node) + map->words * 8 + (map->value_size + 7) / 8 * 8;
  map->stride = (map->stride + 15) / 16 * 16;
  // A branch without a value may stand above each entry; an update takes its node first.
  map->elements = native_zeroed((unsigned long)map->stride * (map->max_entries * 2ul + 1));
}

static inline struct trie_node *node_at(struct native_map *map, __u32 at) {
  return (struct trie_node *)(map->elements + at);
}

static inline void *node_value(struct native_map *map, struct trie_node *node) {
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

static __always_inline void *search(struct native_map *map, const void *key, __u32 words) {
  __u64 address[MAX_WORDS];
  __u32 wanted = *(const __u32 *)key, full = (map->key_size - 4) * 8;
  struct trie_node *best = NULL;
  unpack(map, key, address);
  for (__u32 at = map->root; at != NONE;) {
    struct trie_node *node = node_at(map, at);
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

void *trie_lookup(struct native_map *map, const void *key) {
  return map->words == 1 ? search(map, key, 1) : search(map, key, 2);
}

static __u32 new_node(struct native_map *map, const __u64 *address, __u32 length) {
  __u32 at = map->free;
  if (at != NONE)
    map->free = node_at(map, at)->length;
  else
    at = map->end, map->end += map->stride;
  struct trie_node *node = node_at(map, at);
  node->child[0] = node->child[1] = NONE;
  node->length = length;
  node->has_value = 0;
  memcpy(node->address, address, map->words * 8);
  return at;
}

static void free_node(struct native_map *map, __u32 at) {
  node_at(map, at)->length = map->free;
  map->free = at;
}

long trie_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  __u64 address[MAX_WORDS];
  __u32 length = *(const __u32 *)key, common = 0, words = map->words;
  if (flags > BPF_EXIST || length > (map->key_size - 4) * 8)
    return -22;
  unpack(map, key, address);
  __u32 *link = &map->root;
  while (*link != NONE) {
    struct trie_node *node = node_at(map, *link);
    common = least(common_bits(node->address, address, words), least(node->length, length));
    if (common < node->length || common == length)
      break;
    link = &node->child[bit_of(address, common, words)];
  }
  __u32 old = *link;
  int exact = old != NONE && node_at(map, old)->length == length && common == length;
  int here = exact && node_at(map, old)->has_value;
  if (here ? flags == BPF_NOEXIST : flags == BPF_EXIST)
    return here ? -17 : -2;
  if (!here && map->count >= map->max_entries)
    return -28;
  // A new node takes the place of one that is there, so that readers see either.
  __u32 fresh = new_node(map, address, length);
  struct trie_node *node = node_at(map, fresh);
  map->count += !here;
  node->has_value = 1;
  memcpy(node_value(map, node), value, map->value_size);
  if (exact) {
    memcpy(node->child, node_at(map, old)->child, sizeof(node->child));
    *link = fresh;
    free_node(map, old);
  } else if (old == NONE) {
    *link = fresh;
  } else if (common == length) {
    node->child[bit_of(node_at(map, old)->address, common, words)] = old;
    *link = fresh;
  } else {
    __u32 branch = new_node(map, address, common);
    node_at(map, branch)->child[bit_of(address, common, words)] = fresh;
    node_at(map, branch)->child[!bit_of(address, common, words)] = old;
    *link = branch;
  }
  return 0;
}

long trie_delete(struct native_map *map, const void *key) {
  __u64 address[MAX_WORDS];
  __u32 length = *(const __u32 *)key, words = map->words, at;
  __u32 *link = &map->root, *above = NULL;
  unpack(map, key, address);
  for (;; above = link, link = &node_at(map, at)->child[bit_of(address, node_at(map, at)->length, words)]) {
    at = *link;
    if (at == NONE)
      return -2;
    struct trie_node *node = node_at(map, at);
    if (node->length > length || common_bits(node->address, address, words) < node->length)
      return -2;
    if (node->length == length)
      break;
  }
  struct trie_node *node = node_at(map, at);
  if (!node->has_value)
    return -2;
  map->count--;
  if (node->child[0] != NONE && node->child[1] != NONE) {
    node->has_value = 0;
    return 0;
  }
  struct trie_node *parent = above ? node_at(map, *above) : NULL;
  if (node->child[0] == node->child[1] && parent && !parent->has_value) {
    __u32 gone = *above;
    *above = parent->child[parent->child[0] == at];
    free_node(map, gone);
  } else {
    *link = node->child[node->child[0] == NONE];
  }
  free_node(map, at);
  return 0;
}
