import { defineMessages } from './message.ts';

/** What spin locks and the regions they make say. */
export const lockMessages = defineMessages('lock', {
  none: (owner: 'map' | 'local', name: string) => `${owner} '${name}' has no valid bpf_spin_lock`,
  two: () => 'Locking two bpf_spin_locks are not allowed',
  not_taken: () => 'bpf_spin_unlock without taking a lock',
  different: () => 'bpf_spin_unlock of different lock',
  in_rbtree_callback: () => "can't spin_{lock,unlock} in rbtree cb",
  tail_call: () => 'tail_call cannot be used inside bpf_spin_lock-ed region',
  tail_call_rcu: () => 'tail_call cannot be used inside bpf_rcu_read_lock-ed region',
  tail_call_preempt: () => 'tail_call cannot be used inside bpf_preempt_disable-ed region',
});
