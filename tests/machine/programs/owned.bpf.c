/* Lists, trees and kptrs that packets work: each packet is one command. */
#include <beeyard/kfuncs.h>
#include <beeyard/objects.h>

struct command {
  __u32 what;
  __u32 slot;
  __u64 number;
};

struct item {
  struct bpf_list_node by_age;
  struct bpf_rb_node by_number;
  struct bpf_refcount references;
  __u64 number;
};

struct leaf {
  __u64 number;
  __u32 visits;
};

struct box {
  struct bpf_list_node link;
  __u64 number;
  struct leaf __kptr *leaf;
};

struct shelf {
  struct bpf_spin_lock lock;
  struct bpf_list_head boxes __contains(box, link);
  struct leaf __kptr *kept;
  __u64 pushes;
};

struct tally {
  __u64 packets;
};

struct tallies {
  struct tally __percpu_kptr *each;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, struct shelf);
} shelves SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct shelf);
} racks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tallies);
} counted SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} results SEC(".maps");

__private(A) struct bpf_spin_lock lock;
__private(A) struct bpf_list_head ages __contains(item, by_age);
__private(A) struct bpf_rb_root numbers __contains(item, by_number);

static __always_inline void put(__u32 index, __u64 value) {
  bpf_map_update_elem(&results, &index, &value, 0);
}

static __always_inline struct command *command_of(struct xdp_md *ctx) {
  struct command *command = (void *)(long)ctx->data;
  return (void *)(command + 1) > (void *)(long)ctx->data_end ? NULL : command;
}

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b) {
  return container_of(a, struct item, by_number)->number <
         container_of(b, struct item, by_number)->number;
}

/* Into the tree and onto the list (0: its front, 1: its back): two owners. */
SEC("xdp")
int add_item(struct xdp_md *ctx) {
  struct command *command = command_of(ctx);
  struct item *item, *second;
  if (!command)
    return XDP_ABORTED;
  item = bpf_obj_new(struct item);
  if (!item)
    return XDP_DROP;
  item->number = command->number;
  second = bpf_refcount_acquire(item);
  __u32 back = command->what;
  bpf_spin_lock(&lock);
  bpf_rbtree_add(&numbers, &item->by_number, less);
  if (back)
    bpf_list_push_back(&ages, &second->by_age);
  else
    bpf_list_push_front(&ages, &second->by_age);
  bpf_spin_unlock(&lock);
  return XDP_PASS;
}

/* The least number out of the tree; it stays on the list. */
SEC("xdp")
int take_least(struct xdp_md *ctx) {
  struct bpf_rb_node *node;
  bpf_spin_lock(&lock);
  node = bpf_rbtree_first(&numbers);
  if (!node) {
    bpf_spin_unlock(&lock);
    return XDP_DROP;
  }
  node = bpf_rbtree_remove(&numbers, node);
  bpf_spin_unlock(&lock);
  if (!node)
    return XDP_ABORTED;
  struct item *item = container_of(node, struct item, by_number);
  put(0, item->number);
  bpf_obj_drop(item);
  return XDP_PASS;
}

/* Off the list (0: its front, 1: its back) and out of the tree, if it is in it. */
SEC("xdp")
int take_end(struct xdp_md *ctx) {
  struct command *command = command_of(ctx);
  struct bpf_list_node *node;
  struct bpf_rb_node *removed;
  struct item *item, *again;
  __u32 back;
  if (!command)
    return XDP_ABORTED;
  back = command->what;
  bpf_spin_lock(&lock);
  if (back)
    node = bpf_list_pop_back(&ages);
  else
    node = bpf_list_pop_front(&ages);
  bpf_spin_unlock(&lock);
  if (!node)
    return XDP_DROP;
  item = container_of(node, struct item, by_age);
  put(0, item->number);
  again = bpf_refcount_acquire(item);
  bpf_spin_lock(&lock);
  bpf_list_push_back(&ages, &item->by_age);
  removed = bpf_rbtree_remove(&numbers, &item->by_number);
  node = bpf_list_pop_back(&ages);
  bpf_spin_unlock(&lock);
  put(1, removed != NULL);
  if (node)
    bpf_obj_drop(container_of(node, struct item, by_age));
  if (removed)
    bpf_obj_drop(container_of(removed, struct item, by_number));
  bpf_obj_drop(again);
  return XDP_PASS;
}

/* A box with a leaf in it onto a list in a map's value. */
static __always_inline int add_box(struct shelf *shelf, __u64 number) {
  struct box *box = bpf_obj_new(struct box);
  struct leaf *leaf;
  if (!box)
    return XDP_DROP;
  box->number = number;
  leaf = bpf_obj_new(struct leaf);
  if (leaf) {
    leaf->number = number * 10;
    leaf->visits = 1;
    leaf = bpf_kptr_xchg(&box->leaf, leaf);
    if (leaf)
      bpf_obj_drop(leaf);
  }
  bpf_spin_lock(&shelf->lock);
  shelf->pushes++;
  bpf_list_push_back(&shelf->boxes, &box->link);
  bpf_spin_unlock(&shelf->lock);
  return XDP_PASS;
}

SEC("xdp")
int shelve(struct xdp_md *ctx) {
  struct command *command = command_of(ctx);
  if (!command)
    return XDP_ABORTED;
  __u32 slot = command->slot;
  struct shelf *shelf = command->what ? bpf_map_lookup_elem(&racks, &slot)
                                      : bpf_map_lookup_elem(&shelves, &slot);
  return shelf ? add_box(shelf, command->number) : XDP_TX;
}

/* Keeps a leaf in a map's value; what was there before goes to the results. */
SEC("xdp")
int keep(struct xdp_md *ctx) {
  struct command *command = command_of(ctx);
  if (!command)
    return XDP_ABORTED;
  __u32 slot = command->slot;
  struct shelf *shelf = bpf_map_lookup_elem(&shelves, &slot);
  struct leaf *leaf = NULL;
  if (!shelf)
    return XDP_TX;
  if (command->what) {
    leaf = bpf_obj_new(struct leaf);
    if (!leaf)
      return XDP_DROP;
    leaf->number = command->number;
  }
  leaf = bpf_kptr_xchg(&shelf->kept, leaf);
  put(0, leaf ? leaf->number : 0);
  if (leaf)
    bpf_obj_drop(leaf);
  return XDP_PASS;
}

/* Counts on this CPU in an object that has a part for each. */
SEC("xdp")
int count(struct xdp_md *ctx) {
  __u32 zero = 0;
  struct tallies *tallies = bpf_map_lookup_elem(&counted, &zero);
  struct tally __percpu_kptr *each;
  struct tally *mine;
  if (!tallies)
    return XDP_ABORTED;
  bpf_rcu_read_lock();
  each = tallies->each;
  if (!each) {
    bpf_rcu_read_unlock();
    each = bpf_percpu_obj_new(struct tally);
    if (!each)
      return XDP_DROP;
    each = bpf_kptr_xchg(&tallies->each, each);
    if (each)
      bpf_percpu_obj_drop(each);
    return XDP_TX;
  }
  mine = bpf_this_cpu_ptr((void *)each);
  mine->packets++;
  put(0, mine->packets);
  bpf_rcu_read_unlock();
  return XDP_PASS;
}

LICENSE("GPL");
