// SPDX-License-Identifier: MIT
// ringbuf (kernel/bpf/ringbuf.c): records of {length | busy | discarded, page}, at multiples of 8. A
// record that begins near the end goes on behind it, where Linux has the data a second time.
#include <stdlib.h>
#undef memcpy
#undef memset
#include <string.h>
#include "maps.h"

#define BUSY 0x80000000u
#define DISCARD 0x40000000u
#define PAGE 4096ul

struct ring {
  struct native_map *map;
  __u64 mask, wakeups;
  char room[PAGE - 24];
  __u64 consumer;
  char more_room[PAGE - 8];
  __u64 producer, pending;
  char rest[PAGE - 16];
  char data[];
};

struct record {
  __u32 length, page;
};

void ring_create(struct native_map *map) {
  struct ring *ring = native_zeroed(sizeof(struct ring) + 2ul * map->max_entries);
  ring->map = map;
  ring->mask = map->max_entries - 1;
  map->own = ring;
}

static inline __u64 record_size(__u32 length) {
  return ((length & ~(BUSY | DISCARD)) + sizeof(struct record) + 7) & ~7ull;
}

static inline struct record *record_at(struct ring *ring, __u64 position) {
  return (struct record *)(ring->data + (position & ring->mask));
}

static inline void *reserve(struct ring *ring, __u64 size) {
  __u64 length = (size + sizeof(struct record) + 7) & ~7ull;
  if (size > 0x3fffffff || length > ring->mask + 1)
    return NULL;
  while (ring->pending < ring->producer) {
    struct record *record = record_at(ring, ring->pending);
    if (record->length & BUSY)
      break;
    ring->pending += record_size(record->length);
  }
  __u64 end = ring->producer + length;
  if (end - ring->consumer > ring->mask || end - ring->pending > ring->mask)
    return NULL;
  struct record *record = record_at(ring, ring->producer);
  record->page = ((char *)record - (char *)ring) / PAGE;
  record->length = size | BUSY;
  ring->producer = end;
  return record + 1;
}

static inline void commit(struct ring *ring, void *data, __u64 flags, __u32 mark) {
  struct record *record = (struct record *)data - 1;
  record->length = (record->length ^ BUSY) | mark;
  int waiting = (ring->consumer & ring->mask) == (__u64)((char *)record - ring->data);
  if (flags & 2 || (waiting && !(flags & 1)))
    ring->wakeups++;
}

static inline struct ring *ring_of(void *data) {
  struct record *record = (struct record *)data - 1;
  return (struct ring *)(((unsigned long)record & ~(PAGE - 1)) - record->page * PAGE);
}

void *bpf_ringbuf_reserve(void *handle, __u64 size, __u64 flags) {
  struct native_map *map = handle;
  return flags ? NULL : reserve(map->own, size);
}

void bpf_ringbuf_submit(void *data, __u64 flags) { commit(ring_of(data), data, flags, 0); }

void bpf_ringbuf_discard(void *data, __u64 flags) { commit(ring_of(data), data, flags, DISCARD); }

long bpf_ringbuf_output(void *handle, void *data, __u64 size, __u64 flags) {
  struct native_map *map = handle;
  if (flags & ~3ull)
    return -22;
  void *to = reserve(map->own, size);
  if (!to)
    return -11;
  memcpy(to, data, size);
  commit(map->own, to, flags, 0);
  return 0;
}

__u32 ring_consume(struct native_map *map, void (*each)(const void *data, __u32 size, void *context),
                   void *context) {
  struct ring *ring = map->own;
  __u32 count = 0;
  while (ring->consumer < ring->producer) {
    struct record *record = record_at(ring, ring->consumer);
    __u32 length = record->length;
    if (length & BUSY)
      break;
    if (!(length & DISCARD)) {
      each(record + 1, length, context);
      count++;
    }
    ring->consumer += record_size(length);
  }
  return count;
}

void ring_skip(struct native_map *map) {
  struct ring *ring = map->own;
  ring->consumer = ring->producer;
}
