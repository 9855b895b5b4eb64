/**
 * Read sections of RCU and stretches without preemption (kernel/bpf/helpers.c). A program of this
 * machine runs to its end before anything else happens on its CPU: what they promise holds anyway.
 */

export function bpf_rcu_read_lock(): u64 {
  return 0;
}

export function bpf_rcu_read_unlock(): u64 {
  return 0;
}

export function bpf_preempt_disable(): u64 {
  return 0;
}

export function bpf_preempt_enable(): u64 {
  return 0;
}
