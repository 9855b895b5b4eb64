/* SPDX-License-Identifier: MIT */
/* What the rejected programs of this folder share: maps, kernel types, helpers, kernel functions. */
#ifndef CAUSES_COMMON_H
#define CAUSES_COMMON_H

#include <beeyard/bpf.h>
#include <beeyard/net.h>

#define MAP(kind, name, entries, key_type, value_type)                                             \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_##kind);                                                             \
    __uint(max_entries, entries);                                                                  \
    __type(key, key_type);                                                                         \
    __type(value, value_type);                                                                     \
  } name SEC(".maps")

#define RINGBUF(name, bytes)                                                                       \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_RINGBUF);                                                            \
    __uint(max_entries, bytes);                                                                    \
  } name SEC(".maps")

/* Local storage: no size of its own. */
#define STORAGE(kind, name, value_type)                                                            \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_##kind);                                                             \
    __uint(map_flags, BPF_F_NO_PREALLOC);                                                          \
    __type(key, int);                                                                              \
    __type(value, value_type);                                                                     \
  } name SEC(".maps")

/* ---- Contexts that bpf.h does not have ---------------------------------------------------- */

struct bpf_sock_addr {
  __u32 user_family;
  __u32 user_ip4;
  __u32 user_ip6[4];
  __u32 user_port;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 msg_src_ip4;
  __u32 msg_src_ip6[4];
  __bpf_md_ptr(struct bpf_sock *, sk);
};

struct bpf_sock {
  __u32 bound_dev_if;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 mark;
  __u32 priority;
  __u32 src_ip4;
  __u32 src_ip6[4];
  __u32 src_port;
  __be16 dst_port;
  __u16 : 16;
  __u32 dst_ip4;
  __u32 dst_ip6[4];
  __u32 state;
  __s32 rx_queue_mapping;
};

struct bpf_sock_tuple {
  struct {
    __be32 saddr;
    __be32 daddr;
    __be16 sport;
    __be16 dport;
  } ipv4;
};

struct bpf_sockopt {
  __bpf_md_ptr(struct bpf_sock *, sk);
  __bpf_md_ptr(void *, optval);
  __bpf_md_ptr(void *, optval_end);
  __s32 level;
  __s32 optname;
  __s32 optlen;
  __s32 retval;
};

struct bpf_cgroup_dev_ctx {
  __u32 access_type;
  __u32 major;
  __u32 minor;
};

/* x86-64, as kprobes see it. */
struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
  unsigned long orig_ax, ip, cs, flags, sp, ss;
};

struct bpf_dynptr {
  __u64 __opaque[2];
} __attribute__((aligned(8)));

struct bpf_iter_num {
  __u64 __opaque[1];
} __attribute__((aligned(8)));

struct bpf_list_head {
  __u64 __opaque[2];
} __attribute__((aligned(8)));

struct bpf_list_node {
  __u64 __opaque[3];
} __attribute__((aligned(8)));

struct bpf_rb_root {
  __u64 __opaque[2];
} __attribute__((aligned(8)));

struct bpf_rb_node {
  __u64 __opaque[4];
} __attribute__((aligned(8)));

/* ---- The kernel's own types: only the fields in use, found by CO-RE ------------------------ */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
  const unsigned char *name;
};

struct inode {
  unsigned short i_mode;
  unsigned long i_ino;
};

struct dentry {
  struct qstr d_name;
  struct inode *d_inode;
};

struct path {
  struct dentry *dentry;
};

struct file {
  struct inode *f_inode;
  struct path f_path;
  unsigned int f_flags;
};

struct mm_struct;

struct cgroup {
  int level;
};

struct task_struct {
  int pid;
  int tgid;
  int prio;
  char comm[16];
  struct task_struct *real_parent;
  struct task_struct *parent;
  struct task_struct *group_leader;
  struct task_struct *last_wakee;
  struct mm_struct *mm;
};

struct linux_binprm {
  struct file *file;
  const char *filename;
};

struct seq_file {
  unsigned long size;
};

struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 session_id;
  __u64 seq_num;
};

struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
};

struct bpf_map;

struct bpf_iter__bpf_map_elem {
  struct bpf_iter_meta *meta;
  struct bpf_map *map;
  void *key;
  void *value;
};

struct sock_common {
  unsigned short skc_family;
};

struct sock {
  struct sock_common __sk_common;
  __u32 sk_mark;
};

struct sk_buff {
  unsigned int len;
  struct sock *sk;
};

struct bpf_cpumask {
  int usage;
};

#pragma clang attribute pop

/* ---- Helpers that bpf.h does not have ------------------------------------------------------ */
HELPER_(35, __u64, bpf_get_current_task, void);
HELPER_(36, long, bpf_probe_write_user, void *to, const void *from, __u32 size);
HELPER_(37, long, bpf_current_task_under_cgroup, void *map, __u32 index);
HELPER_(46, __u64, bpf_get_socket_cookie, void *ctx);
HELPER_(49, long, bpf_setsockopt, void *ctx, int level, int name, void *value, int length);
HELPER_(58, long, bpf_override_return, void *ctx, __u64 value);
HELPER_(67, long, bpf_get_stack, void *ctx, void *buffer, __u32 size, __u64 flags);
HELPER_(84, struct bpf_sock *, bpf_sk_lookup_tcp, void *ctx, struct bpf_sock_tuple *tuple,
        __u32 size, __u64 netns, __u64 flags);
HELPER_(86, long, bpf_sk_release, void *sock);
HELPER_(95, struct bpf_sock *, bpf_sk_fullsock, struct bpf_sock *sk);
HELPER_(107, void *, bpf_sk_storage_get, void *map, void *sk, void *value, __u64 flags);
HELPER_(124, long, bpf_sk_assign, void *ctx, void *sk, __u64 flags);
HELPER_(126, long, bpf_seq_printf, struct seq_file *seq, const char *format, __u32 format_size,
        const void *data, __u32 data_size);
HELPER_(127, long, bpf_seq_write, struct seq_file *seq, const void *data, __u32 size);
HELPER_(147, long, bpf_d_path, struct path *path, char *buffer, __u32 size);
HELPER_(148, long, bpf_copy_from_user, void *to, __u32 size, const void *from);
HELPER_(154, void *, bpf_this_cpu_ptr, const void *variable);
HELPER_(153, void *, bpf_per_cpu_ptr, const void *variable, __u32 cpu);
HELPER_(156, void *, bpf_task_storage_get, void *map, struct task_struct *task, void *value,
        __u64 flags);
HELPER_(158, struct task_struct *, bpf_get_current_task_btf, void);
HELPER_(194, void *, bpf_kptr_xchg, void *field, void *pointer);
HELPER_(197, long, bpf_dynptr_from_mem, void *data, __u32 size, __u64 flags,
        struct bpf_dynptr *dynptr);
HELPER_(198, long, bpf_ringbuf_reserve_dynptr, void *ring, __u32 size, __u64 flags,
        struct bpf_dynptr *dynptr);
HELPER_(199, void, bpf_ringbuf_submit_dynptr, struct bpf_dynptr *dynptr, __u64 flags);
HELPER_(200, void, bpf_ringbuf_discard_dynptr, struct bpf_dynptr *dynptr, __u64 flags);
HELPER_(201, long, bpf_dynptr_read, void *to, __u32 size, const struct bpf_dynptr *dynptr,
        __u32 offset, __u64 flags);
HELPER_(202, long, bpf_dynptr_write, const struct bpf_dynptr *dynptr, __u32 offset, void *from,
        __u32 size, __u64 flags);
HELPER_(203, void *, bpf_dynptr_data, const struct bpf_dynptr *dynptr, __u32 offset, __u32 size);
HELPER_(209, long, bpf_user_ringbuf_drain, void *map, void *callback, void *context, __u64 flags);

/* ---- Kernel functions ----------------------------------------------------------------------- */
extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
extern struct cgroup *bpf_cgroup_acquire(struct cgroup *cgroup) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgroup) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_set_cpu(unsigned int cpu, struct bpf_cpumask *mask) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
                                    void *meta, __u64 offset) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags,
                               struct bpf_dynptr *dynptr) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *dynptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *dynptr, __u32 offset, void *buffer,
                              __u32 size) __ksym;

#define bpf_obj_new(type)                                                                          \
  ((type *)bpf_obj_new_impl(__builtin_btf_type_id(*(type *)0, 0 /* local */), NULL))
#define bpf_obj_drop(object) bpf_obj_drop_impl(object, NULL)

/* The compiler may assume nothing about `variable` behind this. */
#define barrier_var(variable) asm volatile("" : "+r"(variable))

#endif
