// SPDX-License-Identifier: MIT
/* A lock or timer is not used as such fields must be. */
#include "common.h"

struct account {
  __u64 packets;
  struct bpf_spin_lock lock;
};
struct alarm {
  __u64 count;
  struct bpf_timer timer;
};
MAP(HASH, accounts, 64, __u32, struct account);
MAP(ARRAY, alarms, 4, __u32, struct alarm);
MAP(ARRAY, plain, 4, __u32, struct { __u64 a; __u64 b; });

/* Looking whether the lock is free. */
/* expect: cause=special-field fix=none */
SEC("tc") int looks_at_the_lock(struct __sk_buff *skb)
{
  __u32 key = skb->ifindex;
  struct account *account = bpf_map_lookup_elem(&accounts, &key);

  if (!account)
    return TC_ACT_OK;
  return *(volatile __u32 *)&account->lock ? TC_ACT_SHOT : TC_ACT_OK; // <- fault
}

/* All of the value is cleared, and the timer with it. */
/* expect: cause=special-field fix=none */
SEC("xdp") int clears_the_timer(struct xdp_md *ctx)
{
  __u32 key = 0;
  struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

  if (!alarm)
    return XDP_PASS;
  *(volatile __u64 *)&alarm->timer = 0; // <- fault
  return XDP_PASS;
}

/* A lock in a value that has none. */
/* expect: cause=special-field|map-not-compatible|lock-or-section fix=none */
SEC("tc") int lock_where_none_is(struct __sk_buff *skb)
{
  __u32 key = 0;
  void *value = bpf_map_lookup_elem(&plain, &key);

  if (!value)
    return TC_ACT_OK;
  bpf_spin_lock(value); // <- fault
  bpf_spin_unlock(value);
  return TC_ACT_OK;
}

/* The timer of one map is made for another. */
/* expect: cause=map-not-compatible|special-field fix=none */
SEC("tc") int timer_of_another_map(struct __sk_buff *skb)
{
  __u32 key = 1;
  struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

  if (!alarm)
    return TC_ACT_OK;
  bpf_timer_init(&alarm->timer, &accounts, 1); // <- fault
  return TC_ACT_OK;
}

LICENSE("GPL");
