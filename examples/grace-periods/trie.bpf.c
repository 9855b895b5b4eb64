/* SPDX-License-Identifier: MIT
 *
 * A trie in the manner of a qp-trie: two levels of branches by four bits of the key, then a leaf.
 * Nodes are elements of a hash map without preallocation. A writer changes nothing in place: it
 * makes the nodes of the path anew, publishes the new root, and frees the old nodes. So readers need
 * no lock, as long as what they have reached stays what it was until they are done.
 *
 * A packet is a schedule: which key is read, after how many steps the reader is interrupted, and
 * what a writer does meanwhile. From byte 14 on: u8 key, u8 step (0 to 3), u8 number of changes, then
 * for each u8 1 = insert, 0 = delete, u8 key. XDP_PASS: what was read is right. XDP_DROP: it is not.
 */
#include <beeyard/bpf.h>

#define BRANCH 1
#define LEAF 2
#define CHANGES 8

struct node {
  __u32 kind;
  __u32 key;
  __u64 value;
  __u32 child[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 4096);
  __type(key, __u32);
  __type(value, struct node);
} nodes SEC(".maps");

/* Nodes being made: the stack has no room for them. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 3);
  __type(key, __u32);
  __type(value, struct node);
} made SEC(".maps");

__u32 root;
__u32 last_id;
__u64 reads;
__u64 found;
__u64 wrong;
__u64 refused;

static __always_inline struct node *node_of(__u32 id) { return bpf_map_lookup_elem(&nodes, &id); }

static __always_inline struct node *blank(__u32 slot, const struct node *from, __u32 kind) {
  struct node *node = bpf_map_lookup_elem(&made, &slot);
  if (!node) return NULL;
  if (from) *node = *from;
  else __builtin_memset(node, 0, sizeof(*node));
  node->kind = kind;
  return node;
}

/* Puts a finished node into the map; 0: there is no memory. */
static __always_inline __u32 put(const struct node *node) {
  __u32 id = ++last_id;
  return bpf_map_update_elem(&nodes, &id, node, BPF_NOEXIST) == 0 ? id : 0;
}

static __always_inline void drop(__u32 id) {
  if (id) bpf_map_delete_elem(&nodes, &id);
}

/* Inserts or deletes a key. Without memory the trie stays as it was. */
static __noinline int change(__u32 insert, __u32 key) {
  __u32 high = (key >> 4) & 15, low = key & 15;
  __u32 old_root = root;
  struct node *top = blank(0, node_of(old_root), BRANCH);
  if (!top) return 0;
  __u32 old_branch = top->child[high];
  struct node *branch = blank(1, node_of(old_branch), BRANCH);
  if (!branch) return 0;
  __u32 old_leaf = branch->child[low];
  if (!insert && !old_leaf) return 0;
  __u32 new_leaf = 0;
  if (insert) {
    struct node *leaf = blank(2, NULL, LEAF);
    if (!leaf) return 0;
    leaf->key = key;
    leaf->value = (__u64)key << 32 | last_id;
    new_leaf = put(leaf);
    if (!new_leaf) goto none;
  }
  branch->child[low] = new_leaf;
  __u32 new_branch = put(branch);
  if (!new_branch) goto no_branch;
  top->child[high] = new_branch;
  __u32 new_root = put(top);
  if (!new_root) goto no_root;
  root = new_root;
  drop(old_leaf);
  drop(old_branch);
  drop(old_root);
  return 1;

no_root:
  drop(new_branch);
no_branch:
  drop(new_leaf);
none:
  refused++;
  return 0;
}

struct schedule {
  __u8 key, step, changes;
  struct {
    __u8 insert, key;
  } change[CHANGES];
};

/* Another CPU's turn: the changes, if the reader is interrupted after this step. */
static __always_inline void turn(const struct schedule *schedule, __u32 step) {
  if (schedule->step != step) return;
  for (int i = 0; i < CHANGES; i++) {
    if (i >= schedule->changes) break;
    change(schedule->change[i].insert, schedule->change[i].key);
  }
}

/* Looks the key up, interrupted or not; 0 if what it saw was never true. */
static __always_inline int read(const struct schedule *schedule) {
  __u32 key = schedule->key;
  reads++;
  turn(schedule, 0);
  struct node *top = node_of(root);
  if (!top) return 1;
  turn(schedule, 1);
  if (top->kind != BRANCH) return 0;
  struct node *branch = node_of(top->child[key >> 4]);
  if (!branch) return 1;
  turn(schedule, 2);
  if (branch->kind != BRANCH) return 0;
  struct node *leaf = node_of(branch->child[key & 15]);
  if (!leaf) return 1;
  turn(schedule, 3);
  if (leaf->kind != LEAF || leaf->key != key || leaf->value >> 32 != key) return 0;
  found++;
  return 1;
}

SEC("xdp")
int trie(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct schedule *packet = data + 14;
  if ((void *)(packet + 1) > end) return XDP_PASS;
  struct schedule schedule = *packet;
  if (read(&schedule)) return XDP_PASS;
  wrong++;
  return XDP_DROP;
}

LICENSE("GPL");
