/*
 * One operation a run, for tests/machine/soak.ts: it says which key and value in cb, and knows what
 * must be there. Packets of others (cb[4] is not COMMAND) change nothing.
 */
#include <beeyard/kfuncs.h>
#include <beeyard/objects.h>
#include <beeyard/timers.h>

LICENSE("GPL");

#define COMMAND 0x50a4
#define ENOENT 2
#define ENOMEM 12

#define OPERATION(name)                                                       \
  static __always_inline int do_##name(__u32 key, __u32 value);               \
  SEC("tc") int name(struct __sk_buff *skb) {                                 \
    return skb->cb[4] == COMMAND ? do_##name(skb->cb[0], skb->cb[1]) : 0;     \
  }                                                                           \
  static __always_inline int do_##name(__u32 key, __u32 value)

#define MAP(name, kind, values, entries, flags) \
  struct {                                      \
    __uint(type, BPF_MAP_TYPE_##kind);          \
    __uint(max_entries, entries);               \
    __uint(map_flags, flags);                   \
    __type(key, __u32);                         \
    __type(value, values);                      \
  } name SEC(".maps")

/* ---- Timers: each takes its element out when it is due. ---- */

struct timed {
  __u64 mark;
  struct bpf_timer timer;
};

MAP(timed, HASH, struct timed, 32, 0);
__u64 fired, misfired;

static __u64 mark_of(__u32 key) { return 7ull * key + 3; }

static int due(void *map, __u32 *key, struct timed *value) {
  if (value->mark == mark_of(*key)) fired++;
  else misfired++;
  bpf_map_delete_elem(map, key);
  return 0;
}

/* Starts the key's timer, or starts it anew: nanoseconds in `value`. */
OPERATION(arm) {
  struct timed fresh = { .mark = mark_of(key) };
  int answer = bpf_map_update_elem(&timed, &key, &fresh, BPF_NOEXIST);
  struct timed *found = bpf_map_lookup_elem(&timed, &key);
  if (!found) return answer;
  bpf_timer_init(&found->timer, &timed, CLOCK_MONOTONIC);
  answer = bpf_timer_set_callback(&found->timer, due);
  return answer ? answer : bpf_timer_start(&found->timer, value, 0);
}

OPERATION(disarm) {
  struct timed *found = bpf_map_lookup_elem(&timed, &key);
  if (found) bpf_timer_cancel(&found->timer);
  return bpf_map_delete_elem(&timed, &key);
}

OPERATION(forget_armed) { return bpf_map_delete_elem(&timed, &key); }

/* ---- Objects that values own. ---- */

struct item {
  struct bpf_list_node link;
  __u64 number;
};
struct plain {
  __u64 number;
};
struct shelf {
  __u64 mark;
  struct plain __kptr *held;
};
struct rack {
  struct bpf_spin_lock lock;
  struct bpf_list_head items __contains(item, link);
};

MAP(shelves, HASH, struct shelf, 16, BPF_F_NO_PREALLOC);
MAP(racks, ARRAY, struct rack, 4, 0);

OPERATION(stash) {
  struct shelf fresh = { .mark = 1 };
  struct shelf *found = bpf_map_lookup_elem(&shelves, &key);
  if (!found) {
    int answer = bpf_map_update_elem(&shelves, &key, &fresh, BPF_NOEXIST);
    found = bpf_map_lookup_elem(&shelves, &key);
    if (!found) return answer;
  }
  struct plain *object = bpf_obj_new(struct plain);
  if (!object) return -ENOMEM;
  object->number = value;
  object = bpf_kptr_xchg(&found->held, object);
  if (object) bpf_obj_drop(object);
  return 0;
}

OPERATION(unstash) {
  struct shelf *found = bpf_map_lookup_elem(&shelves, &key);
  if (!found) return -ENOENT;
  struct plain *object = bpf_kptr_xchg(&found->held, NULL);
  if (!object) return -ENOENT;
  int number = object->number;
  bpf_obj_drop(object);
  return number;
}

/* What the value owns goes with it. */
OPERATION(forget_shelf) { return bpf_map_delete_elem(&shelves, &key); }

OPERATION(rack_push) {
  struct rack *rack = bpf_map_lookup_elem(&racks, &key);
  if (!rack) return -ENOENT;
  struct item *item = bpf_obj_new(struct item);
  if (!item) return -ENOMEM;
  item->number = value;
  bpf_spin_lock(&rack->lock);
  bpf_list_push_back(&rack->items, &item->link);
  bpf_spin_unlock(&rack->lock);
  return 0;
}

OPERATION(rack_pop) {
  struct rack *rack = bpf_map_lookup_elem(&racks, &key);
  if (!rack) return -ENOENT;
  bpf_spin_lock(&rack->lock);
  struct bpf_list_node *node = bpf_list_pop_front(&rack->items);
  bpf_spin_unlock(&rack->lock);
  if (!node) return -ENOENT;
  struct item *item = container_of(node, struct item, link);
  int number = item->number;
  bpf_obj_drop(item);
  return number;
}

/* ---- Rings. ---- */

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_USER_RINGBUF);
  __uint(max_entries, 4096);
} user_ring SEC(".maps");

HELPER_(209, long, bpf_user_ringbuf_drain, void *ring, void *callback, void *ctx, __u64 flags);

struct record {
  __u32 length;
  __u32 value;
  __u8 rest[248];
};

/* A record of 8 to 256 bytes; one of three is taken back. 1: it is in the ring. */
OPERATION(emit) {
  struct record *record;
  if (key % 3 == 0) {
    struct record copy = { .length = 8 + 8 * (key % 32), .value = value };
    __u32 length = copy.length;
    return length <= sizeof(copy) && bpf_ringbuf_output(&ring, &copy, length, 0) == 0;
  }
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) return 0;
  record->length = sizeof(*record);
  record->value = value;
  if (key % 3 == 1) {
    bpf_ringbuf_discard(record, 0);
    return 0;
  }
  bpf_ringbuf_submit(record, 0);
  return 1;
}

__u64 taken_sum, taken;

static long take(struct bpf_dynptr *sample, void *unused) {
  __u64 number = 0;
  bpf_dynptr_read(&number, 8, sample, 0, 0);
  taken_sum = taken_sum * 31 + number;
  taken++;
  return 0;
}

OPERATION(drain) { return bpf_user_ringbuf_drain(&user_ring, take, NULL, 0); }

/* ---- Maps of maps: their user puts new ones in, and nobody else has those. ---- */

struct inner {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, __u64);
} pattern SEC(".maps");

#define OUTER(name, kind)              \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_##kind); \
    __uint(max_entries, 4);            \
    __type(key, __u32);                \
    __array(values, struct inner);     \
  } name SEC(".maps")

OUTER(slots, ARRAY_OF_MAPS);
OUTER(table, HASH_OF_MAPS);

/* Key of the outer map in the low byte, of the inner one above; value 0 takes it out. */
static __always_inline int nested(void *outer, __u32 key, __u64 value) {
  __u32 slot = key & 0xff, inside = key >> 8;
  void *inner = bpf_map_lookup_elem(outer, &slot);
  if (!inner) return 1;
  if (value == 0) return bpf_map_delete_elem(inner, &inside);
  return bpf_map_update_elem(inner, &inside, &value, 0);
}

static __always_inline int nested_get(void *outer, __u32 key) {
  __u32 slot = key & 0xff, inside = key >> 8;
  void *inner = bpf_map_lookup_elem(outer, &slot);
  if (!inner) return 1;
  __u64 *value = bpf_map_lookup_elem(inner, &inside);
  return value ? (int)*value : -ENOENT;
}

OPERATION(slot_put) { return nested(&slots, key, value); }
OPERATION(slot_get) { return nested_get(&slots, key); }
OPERATION(table_put) { return nested(&table, key, value); }
OPERATION(table_get) { return nested_get(&table, key); }

/* ---- Storage of tasks and cgroups, at their system calls. ---- */

struct cgroup;
struct css_set {
  struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));
struct task_struct {
  struct css_set *cgroups;
} __attribute__((preserve_access_index));

HELPER_(156, void *, bpf_task_storage_get, void *map, struct task_struct *task, void *value,
        __u64 flags);
HELPER_(157, long, bpf_task_storage_delete, void *map, struct task_struct *task);
HELPER_(158, struct task_struct *, bpf_get_current_task_btf, void);
HELPER_(210, void *, bpf_cgrp_storage_get, void *map, struct cgroup *cgroup, void *value,
        __u64 flags);
HELPER_(211, long, bpf_cgrp_storage_delete, void *map, struct cgroup *cgroup);

#define STORAGE(name, kind)               \
  struct {                                \
    __uint(type, BPF_MAP_TYPE_##kind);    \
    __uint(map_flags, BPF_F_NO_PREALLOC); \
    __type(key, int);                     \
    __type(value, __u64);                 \
  } name SEC(".maps")

STORAGE(task_storage, TASK_STORAGE);
STORAGE(cgrp_storage, CGRP_STORAGE);

/* What the next system call does: 0 reads, 1 makes and writes, 2 deletes. */
__u64 storage_what, storage_value;
__s64 task_answer, cgroup_answer;

#define STORED(kind, owner, answer)                                                \
  ({                                                                               \
    if (storage_what == 2) answer = bpf_##kind##_delete(&kind, owner);             \
    else {                                                                         \
      __u64 *value = bpf_##kind##_get(&kind, owner, NULL, storage_what & 1);       \
      if (value && storage_what == 1) *value = storage_value;                      \
      answer = value ? (__s64)*value : -ENOENT;                                    \
    }                                                                              \
  })

SEC("raw_tp/sys_enter") int on_call(void *ctx) {
  struct task_struct *task = bpf_get_current_task_btf();
  STORED(task_storage, task, task_answer);
  STORED(cgrp_storage, task->cgroups->dfl_cgrp, cgroup_answer);
  return 0;
}
