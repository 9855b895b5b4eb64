/**
 * Cgroups of tasks (kernel/bpf/helpers.c). The machine has one hierarchy, of version 2: by the id
 * of a hierarchy of version 1 nothing is found. References are not counted: whoever describes a
 * cgroup ends it.
 */

export function bpf_task_get_cgroup1(_task: u64, _hierarchy: u64): u64 {
  return 0;
}

export function bpf_cgroup_release(_cgroup: u64): u64 {
  return 0;
}
