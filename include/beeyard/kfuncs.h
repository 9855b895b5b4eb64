/* SPDX-License-Identifier: MIT
 *
 * Kernel functions that any program of Linux 6.12 may call, and loops over its iterators. Written
 * for beeyard.
 */
#ifndef BEEYARD_KFUNCS_H
#define BEEYARD_KFUNCS_H

#include <beeyard/bpf.h>

struct bpf_iter_num {
  __u64 __opaque[1];
} __attribute__((aligned(8)));

struct bpf_iter_bits {
  __u64 __opaque[2];
} __attribute__((aligned(8)));

int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

int bpf_iter_bits_new(struct bpf_iter_bits *it, const __u64 *unsafe_ptr__ign,
                      __u32 nr_words) __weak __ksym;
int *bpf_iter_bits_next(struct bpf_iter_bits *it) __weak __ksym;
void bpf_iter_bits_destroy(struct bpf_iter_bits *it) __weak __ksym;

void bpf_rcu_read_lock(void) __weak __ksym;
void bpf_rcu_read_unlock(void) __weak __ksym;
void bpf_preempt_disable(void) __weak __ksym;
void bpf_preempt_enable(void) __weak __ksym;

#if !defined(_UAPI__LINUX_BPF_H__) && !defined(__LINUX_BPF_H__)
/* Opaque; on the stack. */
struct bpf_dynptr {
  __u64 __opaque[2];
} __attribute__((aligned(8)));
#endif

HELPER_(197, long, bpf_dynptr_from_mem, void *data, __u32 size, __u64 flags,
        struct bpf_dynptr *ptr);
HELPER_(201, long, bpf_dynptr_read, void *to, __u32 length, const struct bpf_dynptr *from,
        __u32 offset, __u64 flags);
HELPER_(202, long, bpf_dynptr_write, const struct bpf_dynptr *to, __u32 offset, void *from,
        __u32 length, __u64 flags);
HELPER_(203, void *, bpf_dynptr_data, const struct bpf_dynptr *ptr, __u32 offset, __u32 length);

/* Dynptrs over packets: slices of them are in place, or copies in the buffer where they cannot be. */
int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __weak __ksym;
int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr) __weak __ksym;
void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer,
                       __u32 size) __weak __ksym;
void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *ptr, __u32 offset, void *buffer,
                            __u32 size) __weak __ksym;
int bpf_dynptr_adjust(const struct bpf_dynptr *ptr, __u32 start, __u32 end) __weak __ksym;
_Bool bpf_dynptr_is_null(const struct bpf_dynptr *ptr) __weak __ksym;
_Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *ptr) __weak __ksym;
__u32 bpf_dynptr_size(const struct bpf_dynptr *ptr) __weak __ksym;
int bpf_dynptr_clone(const struct bpf_dynptr *ptr, struct bpf_dynptr *clone) __weak __ksym;

/* What went into a card's hash of a packet: bits of enum xdp_rss_hash_type. */
enum xdp_rss_hash_type {
  XDP_RSS_L3_IPV4 = 1,
  XDP_RSS_L3_IPV6 = 2,
  XDP_RSS_L4 = 8,
  XDP_RSS_L4_TCP = 16,
  XDP_RSS_L4_UDP = 32,
};

/* What the device says of a packet: for programs that are bound to one. */
int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __weak __ksym;
int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
                             enum xdp_rss_hash_type *rss_type) __weak __ksym;
int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *vlan_proto,
                                 __u16 *vlan_tci) __weak __ksym;

#define KFUNC_JOIN_(a, b) a##b
#define KFUNC_JOIN(a, b) KFUNC_JOIN_(a, b)

/* The iterator goes with the block, also where break or return leave it. */
#define KFUNC_ITERATOR_(kind, name, ...)                                                           \
  struct bpf_iter_##kind name __attribute__((aligned(8), cleanup(bpf_iter_##kind##_destroy))),     \
      *KFUNC_JOIN(name, _p) __attribute__((unused)) = (bpf_iter_##kind##_new(&name, __VA_ARGS__),  \
                                                       (struct bpf_iter_##kind *)0)

/* bpf_for(i, 0, 10) { ... } with an int i: the verifier walks the body, not each round. */
#define bpf_for(i, start, end)                                                                     \
  for (KFUNC_ITERATOR_(num, KFUNC_JOIN(it_, __LINE__), (start), (end)),                            \
       *KFUNC_JOIN(at_, __LINE__);                                                                 \
       (KFUNC_JOIN(at_, __LINE__) =                                                                \
            (struct bpf_iter_num *)bpf_iter_num_next(&KFUNC_JOIN(it_, __LINE__))) &&               \
       ((i) = *(int *)KFUNC_JOIN(at_, __LINE__), (i) >= (start) && (i) < (end));)

/* bpf_repeat(10) { ... } */
#define bpf_repeat(times)                                                                          \
  for (KFUNC_ITERATOR_(num, KFUNC_JOIN(it_, __LINE__), 0, (times));                                \
       bpf_iter_num_next(&KFUNC_JOIN(it_, __LINE__));)

#endif
