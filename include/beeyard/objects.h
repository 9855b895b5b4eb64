/* SPDX-License-Identifier: MIT
 *
 * Objects that programs own: lists, trees, reference counts, pointers kept in maps. The numbers and
 * names are the ABI of Linux 6.12. Written for beeyard.
 */
#ifndef BEEYARD_OBJECTS_H
#define BEEYARD_OBJECTS_H

#include <beeyard/bpf.h>

#if !defined(_UAPI__LINUX_BPF_H__) && !defined(__LINUX_BPF_H__)
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

struct bpf_refcount {
  __u32 __opaque[1];
} __attribute__((aligned(4)));
#endif

/* Tags that say what a root holds, by which member, and which pointers own what they point to. */
#define __contains(type, member) __attribute__((btf_decl_tag("contains:" #type ":" #member)))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
/* A pointer in task storage to a page of the user, who sets it (Linux 6.13). */
#define __uptr __attribute__((btf_type_tag("uptr")))
/* A global in a section of its own: a lock and the roots it guards must be in the same one. */
#define __private(name) SEC(".bss." #name) __hidden __attribute__((aligned(8)))

HELPER_(153, void *, bpf_per_cpu_ptr, const void *object, __u32 cpu);
HELPER_(154, void *, bpf_this_cpu_ptr, const void *object);
HELPER_(194, void *, bpf_kptr_xchg, void *field, void *object);

void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
void bpf_obj_drop_impl(void *object, void *meta) __ksym;
void *bpf_percpu_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
void bpf_percpu_obj_drop_impl(void *object, void *meta) __ksym;
void *bpf_refcount_acquire_impl(void *object, void *meta) __ksym;
int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta,
                             __u64 off) __ksym;
int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta,
                            __u64 off) __ksym;
struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;
int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
                        _Bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
                        void *meta, __u64 off) __ksym;
struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;

/* BPF_TYPE_ID_LOCAL: the loader puts the number of the type here. */
#define TYPE_ID_LOCAL_(type) __builtin_btf_type_id(*(type *)0, 0)

#define bpf_obj_new(type) ((type *)bpf_obj_new_impl(TYPE_ID_LOCAL_(type), NULL))
#define bpf_obj_drop(object) bpf_obj_drop_impl(object, NULL)
#define bpf_percpu_obj_new(type)                                                                   \
  ((type __percpu_kptr *)bpf_percpu_obj_new_impl(TYPE_ID_LOCAL_(type), NULL))
#define bpf_percpu_obj_drop(object) bpf_percpu_obj_drop_impl((void *)(object), NULL)
#define bpf_refcount_acquire(object) ((typeof(object))bpf_refcount_acquire_impl(object, NULL))
#define bpf_list_push_front(head, node) bpf_list_push_front_impl(head, node, NULL, 0)
#define bpf_list_push_back(head, node) bpf_list_push_back_impl(head, node, NULL, 0)
#define bpf_rbtree_add(root, node, less) bpf_rbtree_add_impl(root, node, less, NULL, 0)

/* The object that a node is a member of. */
#define container_of(node, type, member)                                                           \
  ((type *)((void *)(node) - __builtin_offsetof(type, member)))

#endif
