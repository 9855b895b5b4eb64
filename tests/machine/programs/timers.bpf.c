/* What Linux answers to bpf_timer_* and bpf_wq_*, in order: results go into an array. */
#include <beeyard/timers.h>

LICENSE("GPL");

#define HOUR 3600000000000ull

struct element {
  __u64 number;
  struct bpf_timer timer;
  struct bpf_wq work;
};

#define MAP(name, kind, entries)       \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_##kind); \
    __uint(max_entries, entries);      \
    __type(key, __u32);                \
    __type(value, struct element);     \
  } name SEC(".maps")

MAP(slots, ARRAY, 4);
MAP(table, HASH, 8);
MAP(recent, LRU_HASH, 8);

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __s64);
} results SEC(".maps");

static __attribute__((noinline)) void note(__u32 at, __s64 result) {
  __s64 *slot = bpf_map_lookup_elem(&results, &at);
  if (slot) *slot = result;
}

static int never(void *map, __u32 *key, struct element *value) { return 0; }

static int work_never(void *map, int *key, void *value) { return 0; }

/* Misuse, with nothing that ever becomes due. */
SEC("tc")
int misuse(struct __sk_buff *skb) {
  struct element fresh = {};
  __u32 key = 0, other = 1;
  struct element *value = bpf_map_lookup_elem(&slots, &key);
  if (!value) return 1;
  bpf_map_update_elem(&slots, &key, &fresh, 0);
  bpf_map_update_elem(&slots, &other, &fresh, 0);
  struct bpf_timer *timer = &value->timer;
  note(0, bpf_timer_set_callback(timer, never));
  note(1, bpf_timer_start(timer, HOUR, 0));
  note(2, bpf_timer_cancel(timer));
  note(3, bpf_timer_init(timer, &slots, 2));
  note(4, bpf_timer_init(timer, &slots, 8));
  note(5, bpf_timer_init(timer, &slots, 11));
  note(6, bpf_timer_init(timer, &slots, 16));
  note(7, bpf_timer_init(timer, &slots, 1ull << 32 | 1));
  note(8, bpf_timer_init(timer, &slots, 1));
  note(9, bpf_timer_init(timer, &slots, 1));
  note(10, bpf_timer_init(timer, &slots, 3));
  note(11, bpf_timer_start(timer, HOUR, 0));
  note(12, bpf_timer_cancel(timer));
  note(13, bpf_timer_set_callback(timer, never));
  note(14, bpf_timer_start(timer, HOUR, 4));
  note(15, bpf_timer_start(timer, HOUR, 1ull << 32));
  note(16, bpf_timer_cancel(timer));
  note(17, bpf_timer_start(timer, HOUR, 0));
  note(18, bpf_timer_set_callback(timer, never));
  note(19, bpf_timer_start(timer, HOUR, 0));
  note(20, bpf_timer_start(timer, HOUR, 2));
  note(21, bpf_timer_set_callback(timer, never));
  note(22, bpf_timer_cancel(timer));
  note(23, bpf_timer_cancel(timer));
  note(24, bpf_timer_set_callback(timer, never));
  note(25, bpf_timer_start(timer, bpf_ktime_get_ns() + HOUR, 1));
  note(26, bpf_timer_cancel(timer));
  /* Too far to ever come. */
  note(27, bpf_timer_set_callback(timer, never));
  note(28, bpf_timer_start(timer, -1ull, 0));
  note(29, bpf_timer_cancel(timer));
  /* An update of the value frees the timer in it. */
  note(30, bpf_map_update_elem(&slots, &key, &fresh, 0));
  note(31, bpf_timer_cancel(timer));
  note(32, bpf_timer_init(timer, &slots, 0));
  note(33, bpf_map_update_elem(&slots, &key, &fresh, 2));
  note(34, bpf_timer_init(timer, &slots, 7));
  note(35, bpf_timer_set_callback(timer, never));
  note(36, bpf_timer_start(timer, bpf_ktime_get_boot_ns() + HOUR, 3));
  note(37, bpf_map_update_elem(&slots, &key, &fresh, 0));
  return 0;
}

static __attribute__((always_inline)) void elements(void *map, __u32 at) {
  struct element fresh = {};
  __u32 key = 7;
  bpf_map_delete_elem(map, &key);
  bpf_map_update_elem(map, &key, &fresh, 0);
  struct element *value = bpf_map_lookup_elem(map, &key);
  if (!value) return;
  note(at, bpf_timer_init(&value->timer, map, 1));
  note(at + 1, bpf_timer_set_callback(&value->timer, never));
  note(at + 2, bpf_timer_start(&value->timer, HOUR, 0));
  /* The new value has no timer yet. */
  fresh.number = 1;
  bpf_map_update_elem(map, &key, &fresh, 0);
  value = bpf_map_lookup_elem(map, &key);
  if (!value) return;
  note(at + 3, bpf_timer_cancel(&value->timer));
  note(at + 4, bpf_timer_init(&value->timer, map, 1));
  note(at + 5, bpf_timer_set_callback(&value->timer, never));
  note(at + 6, bpf_timer_start(&value->timer, HOUR, 0));
  note(at + 7, bpf_map_delete_elem(map, &key));
  note(at + 8, bpf_timer_start(&value->timer, HOUR, 0));
}

SEC("tc")
int in_hash(struct __sk_buff *skb) {
  elements(&table, 0);
  return 0;
}

SEC("tc")
int in_lru(struct __sk_buff *skb) {
  elements(&recent, 0);
  return 0;
}

SEC("tc")
int work(struct __sk_buff *skb) {
  struct element fresh = {};
  __u32 key = 2;
  struct element *value = bpf_map_lookup_elem(&slots, &key);
  if (!value) return 1;
  bpf_map_update_elem(&slots, &key, &fresh, 0);
  note(0, bpf_wq_start(&value->work, 0));
  note(1, bpf_wq_set_callback_impl(&value->work, work_never, 0, 0));
  note(2, bpf_wq_init(&value->work, &slots, 1));
  note(3, bpf_wq_init(&value->work, &slots, 0));
  note(4, bpf_wq_init(&value->work, &slots, 0));
  note(5, bpf_wq_start(&value->work, 0));
  note(6, bpf_wq_set_callback_impl(&value->work, work_never, 1, 0));
  note(7, bpf_wq_set_callback_impl(&value->work, work_never, 0, 0));
  note(8, bpf_wq_start(&value->work, 1));
  note(9, bpf_wq_start(&value->work, 0));
  note(10, bpf_wq_start(&value->work, 0));
  note(11, bpf_map_update_elem(&slots, &key, &fresh, 0));
  note(12, bpf_wq_start(&value->work, 0));
  return 0;
}

/* ---- Callbacks: programs that no test runs on a kernel whose time passes by itself --------- */

__u64 fired, last_time, last_key, order;

static int later(void *map, __u32 *key, struct element *value) {
  order = order * 10 + value->number;
  return 0;
}

/* All a callback may do to its own timer and to another. */
static int bold(void *map, __u32 *key, struct element *value) {
  __u32 other = 1;
  fired++;
  last_time = bpf_ktime_get_ns();
  last_key = *key;
  note(0, bpf_timer_cancel(&value->timer));
  note(1, bpf_timer_init(&value->timer, &table, 1));
  note(2, bpf_timer_start(&value->timer, HOUR, 0));
  note(3, bpf_timer_cancel(&value->timer));
  struct element *slot = bpf_map_lookup_elem(&slots, &other);
  if (!slot) return 0;
  note(4, bpf_timer_cancel(&slot->timer));
  note(5, bpf_timer_cancel(&slot->timer));
  note(6, bpf_timer_start(&slot->timer, HOUR, 0));
  note(7, bpf_map_delete_elem(&table, key));
  note(8, bpf_timer_cancel(&value->timer));
  note(9, bpf_timer_start(&value->timer, HOUR, 0));
  note(10, bpf_timer_set_callback(&slot->timer, never));
  note(11, bpf_timer_start(&slot->timer, HOUR, 0));
  note(12, bpf_timer_cancel(&slot->timer));
  return 0;
}

SEC("syscall")
int callback(void *context) {
  struct element fresh = {};
  __u32 key = 3, other = 1;
  struct element *slot = bpf_map_lookup_elem(&slots, &other);
  if (!slot) return 1;
  bpf_map_update_elem(&slots, &other, &fresh, 0);
  bpf_timer_init(&slot->timer, &slots, 1);
  bpf_timer_set_callback(&slot->timer, never);
  bpf_timer_start(&slot->timer, HOUR, 0);
  bpf_map_update_elem(&table, &key, &fresh, 0);
  struct element *value = bpf_map_lookup_elem(&table, &key);
  if (!value) return 2;
  bpf_timer_init(&value->timer, &table, 1);
  bpf_timer_set_callback(&value->timer, bold);
  return bpf_timer_start(&value->timer, 1000, 0);
}

/* One timer per packet made for it, due after as many nanoseconds as its bytes 4 to 7 say. */
SEC("tc")
int arm(struct __sk_buff *skb) {
  void *end = (void *)(long)skb->data_end;
  __u32 *words = (void *)(long)skb->data;
  struct element fresh = {};
  if ((void *)(words + 3) > end || words[2] != 0x656d6974) return 1;
  __u32 key = words[0], delay = words[1];
  fresh.number = words[0];
  fired = order;
  last_time = bpf_ktime_get_ns();
  if (delay == 0) return bpf_map_delete_elem(&table, &key);
  bpf_map_update_elem(&table, &key, &fresh, 0);
  struct element *value = bpf_map_lookup_elem(&table, &key);
  if (!value) return 2;
  bpf_timer_init(&value->timer, &table, 1);
  bpf_timer_set_callback(&value->timer, later);
  bpf_timer_start(&value->timer, delay, 0);
  return order;
}

/* Says what timers have done so far. */
SEC("xdp")
int look(struct xdp_md *ctx) { return order; }

static int again(void *map, __u32 *key, struct element *value) {
  fired++;
  last_time = bpf_ktime_get_ns();
  last_key = *key;
  if (--value->number) bpf_timer_start(&value->timer, 1000000, 0);
  return 0;
}

static int at_once(void *map, int *key, void *value) {
  struct element *element = value;
  fired += 100;
  last_key = *key;
  if (element->number) {
    element->number--;
    bpf_wq_start(&element->work, 0);
  }
  return 0;
}

SEC("syscall")
int repeat(void *context) {
  struct element fresh = { .number = 5 };
  __u32 key = 3;
  struct element *value = bpf_map_lookup_elem(&slots, &key);
  if (!value) return 1;
  bpf_map_update_elem(&slots, &key, &fresh, 0);
  bpf_timer_init(&value->timer, &slots, 1);
  bpf_timer_set_callback(&value->timer, again);
  return bpf_timer_start(&value->timer, 1000000, 0);
}

SEC("syscall")
int queue(void *context) {
  struct element fresh = { .number = 2 };
  __u32 key = 2;
  struct element *value = bpf_map_lookup_elem(&slots, &key);
  if (!value) return 1;
  bpf_map_update_elem(&slots, &key, &fresh, 0);
  bpf_wq_init(&value->work, &slots, 0);
  bpf_wq_set_callback_impl(&value->work, at_once, 0, 0);
  return bpf_wq_start(&value->work, 0);
}

/* No verifier lets this one in. */
static int wild(void *map, __u32 *key, struct element *value) {
  __u64 *beyond = (__u64 *)value + value->number;
  *beyond = 1;
  return 0;
}

SEC("tc")
int broken(struct __sk_buff *skb) {
  struct element fresh = { .number = 1000 };
  __u32 key = 3;
  struct element *value = bpf_map_lookup_elem(&slots, &key);
  if (!value) return 1;
  bpf_map_update_elem(&slots, &key, &fresh, 0);
  bpf_timer_init(&value->timer, &slots, 1);
  bpf_timer_set_callback(&value->timer, wild);
  return bpf_timer_start(&value->timer, 1000000, 0);
}

struct question {
  __u32 number;
  __u32 answer;
};

/* Answers in its context. */
SEC("syscall")
int call(struct question *question) {
  question->answer = question->number * 2;
  return bpf_ktime_get_ns() == 0 ? -1 : 7;
}
