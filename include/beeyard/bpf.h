/* SPDX-License-Identifier: MIT
 *
 * What a BPF program needs and nothing else: section and map macros, the program contexts, the
 * helpers. Written for beeyard; the numbers are the kernel's ABI (Linux 6.12). It stands alone, so
 * `#include <beeyard/bpf.h>` compiles without kernel or libbpf headers; if <linux/bpf.h> was
 * included before, its types are used and only the macros and helpers come from here.
 */
#ifndef BEEYARD_BPF_H
#define BEEYARD_BPF_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u16 __sum16;

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#ifndef NULL
#define NULL ((void *)0)
#endif

/* ---- Macros ------------------------------------------------------------------------------- */

/* Puts a program, map or the license into the section a loader looks for. */
#define SEC(name) __attribute__((section(name), used))

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#undef __noinline
#define __noinline __attribute__((noinline))
#undef __weak
#define __weak __attribute__((weak))
#undef __hidden
#define __hidden __attribute__((visibility("hidden")))

/* Fields of a map definition: the loader reads the types, no such value ever exists. */
#define __uint(name, number) int(*name)[number]
#define __type(name, kind) typeof(kind) *name
#define __array(name, kind) typeof(kind) *name[]

/* Externs the kernel provides. */
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))

#define LICENSE(text) char _license[] SEC("license") = text

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define memcpy __builtin_memcpy
#define memset __builtin_memset

/* Prints to the trace pipe; the format lives in .rodata. At most three arguments. */
#define bpf_printk(format, ...)                                                                   \
  ({                                                                                              \
    static const char text_[] = format;                                                           \
    bpf_trace_printk(text_, sizeof(text_), ##__VA_ARGS__);                                        \
  })

/* ---- The kernel's types, unless <linux/bpf.h> brought them ---------------------------------- */
#if !defined(_UAPI__LINUX_BPF_H__) && !defined(__LINUX_BPF_H__)

enum bpf_map_type {
  BPF_MAP_TYPE_UNSPEC = 0,
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PROG_ARRAY = 3,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
  BPF_MAP_TYPE_PERCPU_HASH = 5,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_STACK_TRACE = 7,
  BPF_MAP_TYPE_CGROUP_ARRAY = 8,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
  BPF_MAP_TYPE_LPM_TRIE = 11,
  BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
  BPF_MAP_TYPE_HASH_OF_MAPS = 13,
  BPF_MAP_TYPE_DEVMAP = 14,
  BPF_MAP_TYPE_SOCKMAP = 15,
  BPF_MAP_TYPE_CPUMAP = 16,
  BPF_MAP_TYPE_XSKMAP = 17,
  BPF_MAP_TYPE_SOCKHASH = 18,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20,
  BPF_MAP_TYPE_QUEUE = 22,
  BPF_MAP_TYPE_STACK = 23,
  BPF_MAP_TYPE_SK_STORAGE = 24,
  BPF_MAP_TYPE_DEVMAP_HASH = 25,
  BPF_MAP_TYPE_STRUCT_OPS = 26,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_MAP_TYPE_INODE_STORAGE = 28,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
  BPF_MAP_TYPE_BLOOM_FILTER = 30,
  BPF_MAP_TYPE_USER_RINGBUF = 31,
  BPF_MAP_TYPE_CGRP_STORAGE = 32,
  BPF_MAP_TYPE_ARENA = 33,
};

/* Flags of bpf_map_update_elem. */
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2, BPF_F_LOCK = 4 };

/* Flags of map creation. */
enum {
  BPF_F_NO_PREALLOC = 1 << 0,
  BPF_F_NO_COMMON_LRU = 1 << 1,
  BPF_F_NUMA_NODE = 1 << 2,
  BPF_F_RDONLY = 1 << 3,
  BPF_F_WRONLY = 1 << 4,
  BPF_F_STACK_BUILD_ID = 1 << 5,
  BPF_F_ZERO_SEED = 1 << 6,
  BPF_F_RDONLY_PROG = 1 << 7,
  BPF_F_WRONLY_PROG = 1 << 8,
  BPF_F_CLONE = 1 << 9,
  BPF_F_MMAPABLE = 1 << 10,
  BPF_F_PRESERVE_ELEMS = 1 << 11,
  BPF_F_INNER_MAP = 1 << 12,
};

/* Flags of the ring buffer helpers. */
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0, BPF_RB_RING_SIZE = 1, BPF_RB_CONS_POS = 2, BPF_RB_PROD_POS = 3 };

/* bpf_perf_event_output, bpf_skb_store_bytes, bpf_l3/l4_csum_replace. */
#define BPF_F_CURRENT_CPU 0xffffffffULL
#define BPF_F_RECOMPUTE_CSUM 1ULL
#define BPF_F_INVALIDATE_HASH 2ULL
#define BPF_F_HDR_FIELD_MASK 0xfULL
#define BPF_F_PSEUDO_HDR 16ULL
#define BPF_F_MARK_MANGLED_0 32ULL
#define BPF_F_INGRESS 1ULL

enum xdp_action { XDP_ABORTED = 0, XDP_DROP = 1, XDP_PASS = 2, XDP_TX = 3, XDP_REDIRECT = 4 };

struct xdp_md {
  __u32 data;
  __u32 data_end;
  __u32 data_meta;
  __u32 ingress_ifindex;
  __u32 rx_queue_index;
  __u32 egress_ifindex;
};

/* Pointers in a context occupy eight bytes on every machine. */
#define __bpf_md_ptr(type, name)                                                                   \
  union {                                                                                          \
    type name;                                                                                     \
    __u64 : 64;                                                                                    \
  } __attribute__((aligned(8)))

struct bpf_flow_keys;
struct bpf_sock;

struct __sk_buff {
  __u32 len;
  __u32 pkt_type;
  __u32 mark;
  __u32 queue_mapping;
  __u32 protocol;
  __u32 vlan_present;
  __u32 vlan_tci;
  __u32 vlan_proto;
  __u32 priority;
  __u32 ingress_ifindex;
  __u32 ifindex;
  __u32 tc_index;
  __u32 cb[5];
  __u32 hash;
  __u32 tc_classid;
  __u32 data;
  __u32 data_end;
  __u32 napi_id;
  __u32 family;
  __u32 remote_ip4;
  __u32 local_ip4;
  __u32 remote_ip6[4];
  __u32 local_ip6[4];
  __u32 remote_port;
  __u32 local_port;
  __u32 data_meta;
  __bpf_md_ptr(struct bpf_flow_keys *, flow_keys);
  __u64 tstamp;
  __u32 wire_len;
  __u32 gso_segs;
  __bpf_md_ptr(struct bpf_sock *, sk);
  __u32 gso_size;
  __u8 tstamp_type;
  __u32 : 24;
  __u64 hwtstamp;
};

/* Opaque; a map value may hold one. */
struct bpf_spin_lock {
  __u32 val;
};
struct bpf_timer {
  __u64 __opaque[2];
} __attribute__((aligned(8)));

#endif /* the kernel's types */

#ifndef TC_ACT_OK
#define TC_ACT_UNSPEC (-1)
#define TC_ACT_OK 0
#define TC_ACT_RECLASSIFY 1
#define TC_ACT_SHOT 2
#define TC_ACT_PIPE 3
#define TC_ACT_STOLEN 4
#define TC_ACT_QUEUED 5
#define TC_ACT_REPEAT 6
#define TC_ACT_REDIRECT 7
#endif

/* ---- Helpers, by number ------------------------------------------------------------------- */
#if defined(__bpf__) || defined(__BPF__) /* clang, gcc */

/* A call of a constant address is how a program names helper `id`. */
#define HELPER_(id, result, name, ...)                                                             \
  static result (*const name)(__VA_ARGS__) __attribute__((unused)) = (void *)id

HELPER_(1, void *, bpf_map_lookup_elem, void *map, const void *key);
HELPER_(2, long, bpf_map_update_elem, void *map, const void *key, const void *value, __u64 flags);
HELPER_(3, long, bpf_map_delete_elem, void *map, const void *key);
HELPER_(4, long, bpf_probe_read, void *to, __u32 size, const void *unsafe_from);
HELPER_(5, __u64, bpf_ktime_get_ns, void);
HELPER_(6, long, bpf_trace_printk, const char *format, __u32 format_size, ...);
HELPER_(7, __u32, bpf_get_prandom_u32, void);
HELPER_(8, __u32, bpf_get_smp_processor_id, void);
HELPER_(9, long, bpf_skb_store_bytes, struct __sk_buff *skb, __u32 offset, const void *from,
        __u32 length, __u64 flags);
HELPER_(10, long, bpf_l3_csum_replace, struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to,
        __u64 size);
HELPER_(11, long, bpf_l4_csum_replace, struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to,
        __u64 flags);
HELPER_(12, long, bpf_tail_call, void *ctx, void *prog_array, __u32 index);
HELPER_(13, long, bpf_clone_redirect, struct __sk_buff *skb, __u32 ifindex, __u64 flags);
HELPER_(14, __u64, bpf_get_current_pid_tgid, void);
HELPER_(15, __u64, bpf_get_current_uid_gid, void);
HELPER_(16, long, bpf_get_current_comm, void *buffer, __u32 size);
HELPER_(18, long, bpf_skb_vlan_push, struct __sk_buff *skb, __be16 protocol, __u16 tci);
HELPER_(19, long, bpf_skb_vlan_pop, struct __sk_buff *skb);
HELPER_(23, long, bpf_redirect, __u32 ifindex, __u64 flags);
HELPER_(25, long, bpf_perf_event_output, void *ctx, void *map, __u64 flags, void *data, __u64 size);
HELPER_(26, long, bpf_skb_load_bytes, const void *skb, __u32 offset, void *to, __u32 length);
HELPER_(28, __s64, bpf_csum_diff, __be32 *from, __u32 from_size, __be32 *to, __u32 to_size,
        __u32 seed);
HELPER_(31, long, bpf_skb_change_proto, struct __sk_buff *skb, __be16 protocol, __u64 flags);
HELPER_(32, long, bpf_skb_change_type, struct __sk_buff *skb, __u32 type);
HELPER_(34, __u32, bpf_get_hash_recalc, struct __sk_buff *skb);
HELPER_(38, long, bpf_skb_change_tail, struct __sk_buff *skb, __u32 length, __u64 flags);
HELPER_(39, long, bpf_skb_pull_data, struct __sk_buff *skb, __u32 length);
HELPER_(40, __s64, bpf_csum_update, struct __sk_buff *skb, __u32 csum);
HELPER_(43, long, bpf_skb_change_head, struct __sk_buff *skb, __u32 length, __u64 flags);
HELPER_(44, long, bpf_xdp_adjust_head, struct xdp_md *ctx, int delta);
HELPER_(50, long, bpf_skb_adjust_room, struct __sk_buff *skb, __s32 delta, __u32 mode, __u64 flags);
HELPER_(51, long, bpf_redirect_map, void *map, __u64 key, __u64 flags);
HELPER_(54, long, bpf_xdp_adjust_meta, struct xdp_md *ctx, int delta);
HELPER_(65, long, bpf_xdp_adjust_tail, struct xdp_md *ctx, int delta);
HELPER_(68, long, bpf_skb_load_bytes_relative, const void *skb, __u32 offset, void *to,
        __u32 length, __u32 start);
HELPER_(87, long, bpf_map_push_elem, void *map, const void *value, __u64 flags);
HELPER_(88, long, bpf_map_pop_elem, void *map, void *value);
HELPER_(89, long, bpf_map_peek_elem, void *map, void *value);
HELPER_(93, long, bpf_spin_lock, struct bpf_spin_lock *lock);
HELPER_(94, long, bpf_spin_unlock, struct bpf_spin_lock *lock);
HELPER_(97, long, bpf_skb_ecn_set_ce, struct __sk_buff *skb);
HELPER_(105, long, bpf_strtol, const char *text, unsigned long length, __u64 flags, long *result);
HELPER_(106, long, bpf_strtoul, const char *text, unsigned long length, __u64 flags,
        unsigned long *result);
HELPER_(112, long, bpf_probe_read_user, void *to, __u32 size, const void *unsafe_from);
HELPER_(113, long, bpf_probe_read_kernel, void *to, __u32 size, const void *unsafe_from);
HELPER_(114, long, bpf_probe_read_user_str, void *to, __u32 size, const void *unsafe_from);
HELPER_(115, long, bpf_probe_read_kernel_str, void *to, __u32 size, const void *unsafe_from);
HELPER_(118, __u64, bpf_jiffies64, void);
HELPER_(125, __u64, bpf_ktime_get_boot_ns, void);
HELPER_(130, long, bpf_ringbuf_output, void *ring, void *data, __u64 size, __u64 flags);
HELPER_(131, void *, bpf_ringbuf_reserve, void *ring, __u64 size, __u64 flags);
HELPER_(132, void, bpf_ringbuf_submit, void *data, __u64 flags);
HELPER_(133, void, bpf_ringbuf_discard, void *data, __u64 flags);
HELPER_(134, __u64, bpf_ringbuf_query, void *ring, __u64 flags);
HELPER_(155, long, bpf_redirect_peer, __u32 ifindex, __u64 flags);
HELPER_(160, __u64, bpf_ktime_get_coarse_ns, void);
HELPER_(164, long, bpf_for_each_map_elem, void *map, void *callback, void *callback_ctx,
        __u64 flags);
HELPER_(165, long, bpf_snprintf, char *text, __u32 size, const char *format, __u64 *data,
        __u32 data_size);
HELPER_(169, long, bpf_timer_init, struct bpf_timer *timer, void *map, __u64 flags);
HELPER_(170, long, bpf_timer_set_callback, struct bpf_timer *timer, void *callback);
HELPER_(171, long, bpf_timer_start, struct bpf_timer *timer, __u64 ns, __u64 flags);
HELPER_(172, long, bpf_timer_cancel, struct bpf_timer *timer);
HELPER_(177, long, bpf_trace_vprintk, const char *format, __u32 format_size, const void *data,
        __u32 data_size);
HELPER_(181, long, bpf_loop, __u32 count, void *callback, void *callback_ctx, __u64 flags);
HELPER_(182, long, bpf_strncmp, const char *text, __u32 size, const char *constant);
HELPER_(188, __u64, bpf_xdp_get_buff_len, struct xdp_md *ctx);
HELPER_(189, long, bpf_xdp_load_bytes, struct xdp_md *ctx, __u32 offset, void *to, __u32 length);
HELPER_(190, long, bpf_xdp_store_bytes, struct xdp_md *ctx, __u32 offset, void *from,
        __u32 length);
HELPER_(195, void *, bpf_map_lookup_percpu_elem, void *map, const void *key, __u32 cpu);
HELPER_(208, __u64, bpf_ktime_get_tai_ns, void);

#endif /* __bpf__ */
#endif /* BEEYARD_BPF_H */
