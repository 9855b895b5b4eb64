/* A fair share of the link for every sender, with a priority queue of senders.
 *
 * Each IPv4 source has an object of its own: its map entry owns it, and so does a tree ordered by
 * bytes, whose first node is the sender that had least. Who is more than QUANTUM bytes ahead of
 * that one has to wait: the packet is dropped, and does not count. Written for beeyard; it loads on
 * Linux 6.12 as it is. */
#include <beeyard/objects.h>

#define QUANTUM 8192
#define ETH_P_IP 0x0008 /* network order */

struct sender {
  struct bpf_rb_node by_bytes;
  struct bpf_refcount owners;
  __be32 address;
  __u32 dropped;
  __u64 bytes;
};

struct entry {
  struct sender __kptr *sender;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __be32);
  __type(value, struct entry);
} senders SEC(".maps");

__private(queue) struct bpf_spin_lock lock;
__private(queue) struct bpf_rb_root queue __contains(sender, by_bytes);

static _Bool had_less(struct bpf_rb_node *a, const struct bpf_rb_node *b) {
  return container_of(a, struct sender, by_bytes)->bytes <
         container_of(b, struct sender, by_bytes)->bytes;
}

static __always_inline struct entry *entry_of(__u32 address) {
  struct entry none = {};
  struct entry *entry = bpf_map_lookup_elem(&senders, &address);
  if (entry)
    return entry;
  bpf_map_update_elem(&senders, &address, &none, 1 /* BPF_NOEXIST */);
  return bpf_map_lookup_elem(&senders, &address);
}

/* Takes the sender out of the queue, charges it and queues it again. */
static __always_inline int charge(struct entry *entry, __u32 address, __u32 bytes) {
  struct sender *sender = bpf_kptr_xchg(&entry->sender, NULL), *kept;
  struct bpf_rb_node *node;
  __u64 least = 0;
  int is_new, verdict = XDP_PASS;
  if (!sender) {
    sender = bpf_obj_new(struct sender);
    if (!sender)
      return XDP_PASS;
    sender->address = address;
  }
  kept = bpf_refcount_acquire(sender);
  bpf_spin_lock(&lock);
  node = bpf_rbtree_first(&queue);
  if (node)
    least = container_of(node, struct sender, by_bytes)->bytes;
  /* One that is queued already stays where it is, and this owner is given up. */
  is_new = bpf_rbtree_add(&queue, &sender->by_bytes, had_less) == 0;
  node = bpf_rbtree_remove(&queue, &sender->by_bytes);
  if (node) {
    sender = container_of(node, struct sender, by_bytes);
    if (is_new)
      sender->bytes = least; /* nothing is owed for the time before */
    if (sender->bytes + bytes > least + QUANTUM) {
      sender->dropped++;
      verdict = XDP_DROP;
    } else {
      sender->bytes += bytes;
    }
    bpf_rbtree_add(&queue, &sender->by_bytes, had_less);
  }
  bpf_spin_unlock(&lock);
  kept = bpf_kptr_xchg(&entry->sender, kept);
  if (kept)
    bpf_obj_drop(kept);
  return verdict;
}

SEC("xdp")
int fair(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  __be32 address;
  struct entry *entry;
  if (data + 34 > end || *(__u16 *)(data + 12) != ETH_P_IP)
    return XDP_PASS;
  address = *(__u32 *)(data + 26);
  entry = entry_of(address);
  return entry ? charge(entry, address, end - data) : XDP_PASS;
}

LICENSE("GPL");
