// SPDX-License-Identifier: MIT
/* A lock, RCU or preempt section is unbalanced, or forbids what is done in it. */
#include "common.h"

struct account {
  struct bpf_spin_lock lock;
  __u64 packets;
  __u64 bytes;
};
MAP(HASH, accounts, 64, __u32, struct account);

/* expect: cause=lock-or-section fix=release */
SEC("tc") int early_return_keeps_lock(struct __sk_buff *skb)
{
  __u32 key = skb->ifindex, length = skb->len;
  struct account *account = bpf_map_lookup_elem(&accounts, &key);

  if (!account)
    return TC_ACT_OK;
  bpf_spin_lock(&account->lock); // <- blame
  if (account->packets > 1000)
    return TC_ACT_SHOT; // <- fault
  account->packets++;
  account->bytes += length;
  bpf_spin_unlock(&account->lock);
  return TC_ACT_OK;
}

/* The clock is read while the lock is held. */
/* expect: cause=lock-or-section fix=none */
SEC("xdp") int helper_under_lock(struct xdp_md *ctx)
{
  __u32 key = ctx->rx_queue_index;
  struct account *account = bpf_map_lookup_elem(&accounts, &key);

  if (!account)
    return XDP_PASS;
  bpf_spin_lock(&account->lock);
  account->bytes = bpf_ktime_get_ns(); // <- fault
  bpf_spin_unlock(&account->lock);
  return XDP_PASS;
}

/* Money goes from one account to another: two locks. */
/* expect: cause=lock-or-section fix=none */
SEC("tc") int two_locks(struct __sk_buff *skb)
{
  __u32 from = skb->ingress_ifindex, to = skb->ifindex;
  struct account *giver = bpf_map_lookup_elem(&accounts, &from);
  struct account *taker = bpf_map_lookup_elem(&accounts, &to);

  if (!giver || !taker)
    return TC_ACT_OK;
  bpf_spin_lock(&giver->lock);
  bpf_spin_lock(&taker->lock); // <- fault
  giver->packets--;
  taker->packets++;
  bpf_spin_unlock(&taker->lock);
  bpf_spin_unlock(&giver->lock);
  return TC_ACT_OK;
}

/* expect: cause=lock-or-section fix=none */
SEC("tc") int unlocks_what_is_not_locked(struct __sk_buff *skb)
{
  __u32 key = skb->ifindex;
  struct account *account = bpf_map_lookup_elem(&accounts, &key);

  if (!account)
    return TC_ACT_OK;
  account->packets++;
  bpf_spin_unlock(&account->lock); // <- fault
  return TC_ACT_OK;
}

/* The other account's lock is given back. */
/* expect: cause=lock-or-section fix=none */
SEC("xdp") int unlocks_the_other(struct xdp_md *ctx)
{
  __u32 one = 1, two = 2;
  struct account *first = bpf_map_lookup_elem(&accounts, &one);
  struct account *second = bpf_map_lookup_elem(&accounts, &two);

  if (!first || !second)
    return XDP_PASS;
  bpf_spin_lock(&first->lock);
  first->packets++;
  bpf_spin_unlock(&second->lock); // <- fault
  return XDP_PASS;
}

/* expect: cause=lock-or-section fix=release */
SEC("tp_btf/task_newtask") int rcu_not_unlocked(__u64 *ctx)
{
  struct task_struct *task = (void *)ctx[0], *parent;

  bpf_rcu_read_lock(); // <- blame
  parent = task->real_parent;
  if (parent && parent->pid == 1)
    return 0; // <- fault
  bpf_rcu_read_unlock();
  return 0;
}

/* expect: cause=lock-or-section fix=release */
SEC("tp_btf/sched_wakeup") int preemption_left_off(__u64 *ctx)
{
  bpf_preempt_disable(); // <- blame
  bpf_printk("woken on %d", bpf_get_smp_processor_id());
  return 0; // <- fault
}

/* Something that may sleep within an RCU section. */
/* expect: cause=lock-or-section fix=none */
SEC("lsm.s/bprm_check_security") int sleeps_under_rcu(__u64 *ctx)
{
  struct linux_binprm *program = (void *)ctx[0];
  char start[8] = {};

  bpf_rcu_read_lock();
  bpf_copy_from_user(start, sizeof(start), (void *)program->filename); // <- fault
  bpf_rcu_read_unlock();
  return 0;
}

/* A global function is verified alone, and so not called under a lock. */
/* expect: cause=lock-or-section fix=none */
__noinline int limit_of(int kind)
{
  return kind == 1 ? 100 : 200;
}

SEC("tc") int global_function_under_lock(struct __sk_buff *skb)
{
  __u32 key = skb->ifindex, kind = skb->pkt_type;
  struct account *account = bpf_map_lookup_elem(&accounts, &key);

  if (!account)
    return TC_ACT_OK;
  bpf_spin_lock(&account->lock);
  account->packets = limit_of(kind); // <- fault
  bpf_spin_unlock(&account->lock);
  return TC_ACT_OK;
}

LICENSE("GPL");
