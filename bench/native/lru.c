// SPDX-License-Identifier: MIT
// lru_hash (kernel/bpf/bpf_lru_list.c): which element goes is decided by reference bits, an active
// and an inactive list, and a CPU's local lists that free nodes are fetched to in batches. In the
// same order as beeyard's runtime, so that both give up the same elements. One thread, no locks.
#include "table.h"

#define KEY 24
/* What a list needs is before the key; the heads of the lists are nodes of their own. */
struct lru_node {
  struct node node;
  __u32 after, before;
  __u8 kind, referenced;
  __u16 cpu;
  __u32 unused;
};

enum { ACTIVE, INACTIVE, FREE, LOCAL_FREE, PENDING, LISTS };
#define HEAD(kind) (64u * ((kind) + 1))
#define FIRST_NODE (64u * (LISTS + 1))
#define SCANS 128

struct lru {
  __u32 counts[2], rotation, batch;
};

static inline struct lru_node *lru_at(struct native_map *map, __u32 at) {
  return (struct lru_node *)(map->elements + at);
}

static inline void remove_node(struct native_map *map, struct lru_node *node) {
  lru_at(map, node->before)->after = node->after;
  lru_at(map, node->after)->before = node->before;
}

static inline void add_first(struct native_map *map, __u32 kind, __u32 at) {
  struct lru_node *head = lru_at(map, HEAD(kind)), *node = lru_at(map, at);
  node->after = head->after;
  node->before = HEAD(kind);
  lru_at(map, head->after)->before = at;
  head->after = at;
}

static inline void counted(struct lru *lru, __u32 kind, int by) {
  if (kind <= INACTIVE)
    lru->counts[kind] += by;
}

/* Rotation must not go on from a node that leaves. */
static inline void leave(struct native_map *map, struct lru *lru, __u32 at) {
  struct lru_node *node = lru_at(map, at);
  if (lru->rotation == at)
    lru->rotation = node->before;
  remove_node(map, node);
}

static void move(struct native_map *map, struct lru *lru, __u32 at, __u32 kind) {
  struct lru_node *node = lru_at(map, at);
  counted(lru, node->kind, -1);
  counted(lru, kind, 1);
  node->kind = kind;
  node->referenced = 0;
  leave(map, lru, at);
  add_first(map, kind, at);
}

static int evict(struct native_map *map, __u32 at) {
  struct node *node = node_at(map, at);
  __u32 *link = &map->heads[node->hash & map->mask];
  while (*link && *link != at)
    link = &node_at(map, *link)->next;
  if (!*link)
    return 0;
  *link = node->next;
  map->count--;
  return 1;
}

/* Oldest active nodes: referenced ones get another round, the others become inactive. */
static void rotate_active(struct native_map *map, struct lru *lru) {
  __u32 head = HEAD(ACTIVE), stop = lru_at(map, head)->after, at = lru_at(map, head)->before;
  for (__u32 i = 0; at != head && i < SCANS; i++) {
    struct lru_node *node = lru_at(map, at);
    __u32 before = node->before;
    move(map, lru, at, node->referenced ? ACTIVE : INACTIVE);
    if (at == stop)
      return;
    at = before;
  }
}

/* Goes on where it stopped: referenced inactive nodes become active. */
static void rotate_inactive(struct native_map *map, struct lru *lru) {
  __u32 head = HEAD(INACTIVE), at = lru->rotation, before = head;
  if (lru_at(map, head)->after == head)
    return;
  __u32 last = lru_at(map, at)->after;
  if (last == head)
    last = lru_at(map, last)->after;
  for (__u32 i = 0; i < SCANS;) {
    struct lru_node *node = lru_at(map, at);
    if (at == head) {
      at = node->before;
      continue;
    }
    before = node->before;
    int done = at == last;
    if (node->referenced)
      move(map, lru, at, ACTIVE);
    if (done)
      break;
    at = before;
    i++;
  }
  lru->rotation = before;
}

static void to_local(struct native_map *map, struct lru *lru, __u32 at) {
  struct lru_node *node = lru_at(map, at);
  leave(map, lru, at);
  counted(lru, node->kind, -1);
  node->kind = LOCAL_FREE;
  add_first(map, LOCAL_FREE, at);
}

/* Frees nodes from the old end of the inactive list; if all are referenced, the oldest one. */
static void shrink(struct native_map *map, struct lru *lru, __u32 wanted) {
  __u32 freed = 0, head = HEAD(INACTIVE), at = lru_at(map, head)->before;
  for (__u32 i = 0; at != head && i < SCANS; i++) {
    struct lru_node *node = lru_at(map, at);
    __u32 before = node->before;
    if (node->referenced) {
      move(map, lru, at, ACTIVE);
    } else if (evict(map, at)) {
      to_local(map, lru, at);
      if (++freed == wanted)
        return;
    }
    at = before;
  }
  if (freed)
    return;
  if (lru_at(map, head)->after == head)
    head = HEAD(ACTIVE);
  for (at = lru_at(map, head)->before; at != head; at = lru_at(map, at)->before)
    if (evict(map, at)) {
      to_local(map, lru, at);
      return;
    }
}

static __u32 take_free(struct native_map *map, struct lru *lru) {
  __u32 first = lru_at(map, HEAD(FREE))->after;
  if (first == HEAD(FREE))
    return take_fresh(map);
  leave(map, lru, first);
  return first;
}

/* What was inserted since joins the lists, oldest first. */
static void flush_pending(struct native_map *map, struct lru *lru) {
  __u32 head = HEAD(PENDING);
  for (__u32 at = lru_at(map, head)->before, before; at != head; at = before) {
    struct lru_node *node = lru_at(map, at);
    before = node->before;
    node->kind = node->referenced ? ACTIVE : INACTIVE;
    node->referenced = 0;
    lru->counts[node->kind]++;
    remove_node(map, node);
    add_first(map, node->kind, at);
  }
}

static void refill(struct native_map *map, struct lru *lru) {
  __u32 got = 0, at;
  flush_pending(map, lru);
  if (lru->counts[INACTIVE] < lru->counts[ACTIVE])
    rotate_active(map, lru);
  rotate_inactive(map, lru);
  for (; got < lru->batch && (at = take_free(map, lru)); got++) {
    lru_at(map, at)->kind = LOCAL_FREE;
    add_first(map, LOCAL_FREE, at);
  }
  if (got < lru->batch)
    shrink(map, lru, lru->batch - got);
}

static __u32 take_local(struct native_map *map) {
  __u32 at = lru_at(map, HEAD(LOCAL_FREE))->after;
  if (at == HEAD(LOCAL_FREE))
    return 0;
  remove_node(map, lru_at(map, at));
  return at;
}

/* The oldest pending node that is not referenced; failing that, the oldest one. */
static __u32 take_pending(struct native_map *map) {
  __u32 head = HEAD(PENDING);
  for (int force = 0; force < 2; force++)
    for (__u32 at = lru_at(map, head)->before; at != head; at = lru_at(map, at)->before)
      if ((force || !lru_at(map, at)->referenced) && evict(map, at)) {
        remove_node(map, lru_at(map, at));
        return at;
      }
  return 0;
}

static __u32 lru_take(struct native_map *map, __u32 hash) {
  struct lru *lru = map->own;
  __u32 at = take_local(map);
  if (!at) {
    refill(map, lru);
    at = take_local(map);
    if (!at)
      at = take_pending(map);
  }
  if (!at)
    return 0;
  struct lru_node *node = lru_at(map, at);
  node->node.hash = hash;
  node->kind = PENDING;
  node->referenced = 0;
  add_first(map, PENDING, at);
  map->count++;
  return at;
}

static void lru_give(struct native_map *map, __u32 at) {
  struct lru_node *node = lru_at(map, at);
  map->count--;
  if (node->kind == PENDING) {
    node->kind = LOCAL_FREE;
    node->referenced = 0;
    remove_node(map, node);
    add_first(map, LOCAL_FREE, at);
  } else {
    move(map, map->own, at, FREE);
  }
}

void lru_create(struct native_map *map) {
  struct lru *lru = map->own = native_zeroed(sizeof(struct lru));
  table_create(map, KEY, map->value_size, FIRST_NODE, map->max_entries);
  __u32 share = map->max_entries / 2;
  lru->batch = share < 1 ? 1 : share > SCANS ? SCANS : share;
  lru->rotation = HEAD(INACTIVE);
  for (__u32 kind = 0; kind < LISTS; kind++)
    lru_at(map, HEAD(kind))->after = lru_at(map, HEAD(kind))->before = HEAD(kind);
}

void *lru_lookup(struct native_map *map, const void *key) {
  struct node *node = find(map, key, KEY);
  if (!node)
    return NULL;
  struct lru_node *used = (struct lru_node *)node;
  if (!used->referenced)
    used->referenced = 1;
  return (char *)node + map->value_at;
}

/* Takes a node first, which may evict an element, even the one with this key. */
long lru_update(struct native_map *map, const void *key, const void *value, __u64 flags) {
  if (flags > BPF_EXIST)
    return -22;
  __u32 hash = map->key_size == 8    ? hash_key(key, 8)
               : map->key_size == 16 ? hash_key(key, 16)
                                     : hash_key(key, map->key_size);
  __u32 at = lru_take(map, hash);
  if (!at)
    return -12;
  struct lru_node *node = lru_at(map, at);
  copy((char *)node + KEY, key, map->key_size);
  copy((char *)node + map->value_at, value, map->value_size);
  __u32 again, *bucket, *link = find_link(map, key, KEY, &again, &bucket), old = *link;
  if (old ? flags == BPF_NOEXIST : flags == BPF_EXIST) {
    lru_give(map, at);
    return old ? -17 : -2;
  }
  link_node(map, bucket, at, hash);
  if (old) {
    node->referenced = 1;
    *(link == bucket ? &node->node.next : link) = node_at(map, old)->next;
    lru_give(map, old);
  }
  return 0;
}

long lru_delete(struct native_map *map, const void *key) {
  __u32 hash, *bucket, *link = find_link(map, key, KEY, &hash, &bucket), at = *link;
  if (!at)
    return -2;
  *link = node_at(map, at)->next;
  lru_give(map, at);
  return 0;
}

long lru_for_each(struct native_map *map, native_each each, void *context) {
  return each_node(map, each, context, KEY);
}
