/**
 * Kernel functions that XDP and tc programs may call on Linux and that have no body here, with the
 * reason: programs see a kernel without them. A test keeps this list complete, without leftovers.
 */

/** Reason → names. */
const REASONS: Readonly<Record<string, readonly string[]>> = {
  'the machine has no kernel structures to point to': [
    'bpf_cast_to_kern_ctx',
    'bpf_kfunc_call_memb_release',
    'bpf_kfunc_call_test_release',
    'bpf_modify_return_test_tp',
    'bpf_rdonly_cast',
  ],
  'the machine has no cgroups to walk or point to': [
    'bpf_cgroup_acquire',
    'bpf_cgroup_ancestor',
    'bpf_cgroup_from_id',
    'bpf_iter_css_destroy',
    'bpf_iter_css_new',
    'bpf_iter_css_next',
    'bpf_iter_css_task_destroy',
    'bpf_iter_css_task_new',
    'bpf_iter_css_task_next',
    'bpf_task_under_cgroup',
  ],
  'the machine has no tasks': [
    'bpf_iter_task_destroy',
    'bpf_iter_task_new',
    'bpf_iter_task_next',
    'bpf_iter_task_vma_destroy',
    'bpf_iter_task_vma_new',
    'bpf_iter_task_vma_next',
    'bpf_task_acquire',
    'bpf_task_from_pid',
    'bpf_task_release',
  ],
  'the machine has no crypto API': ['bpf_crypto_decrypt', 'bpf_crypto_encrypt'],
  'the machine has no connection tracking': [
    'bpf_ct_change_status',
    'bpf_ct_change_timeout',
    'bpf_ct_insert_entry',
    'bpf_ct_release',
    'bpf_ct_set_nat_info',
    'bpf_ct_set_status',
    'bpf_ct_set_timeout',
    'bpf_skb_ct_alloc',
    'bpf_skb_ct_lookup',
    'bpf_xdp_ct_alloc',
    'bpf_xdp_ct_lookup',
    'bpf_xdp_flow_lookup',
  ],
  'counters of elements are not kept per CPU as Linux has them': ['bpf_map_sum_elem_count'],
  'the TCP of the machine takes no requests from programs': ['bpf_sk_assign_tcp_reqsk'],
  'the machine has no such tunnels': [
    'bpf_skb_get_fou_encap',
    'bpf_skb_get_xfrm_info',
    'bpf_skb_set_fou_encap',
    'bpf_skb_set_xfrm_info',
  ],
  'the machine has no IPsec': ['bpf_xdp_get_xfrm_state', 'bpf_xdp_xfrm_state_release'],
  'nothing here can be brought down': ['crash_kexec'],
};

/** Name → reason. */
export const missingKfuncs: ReadonlyMap<string, string> = new Map(
  Object.entries(REASONS).flatMap(([reason, names]) => names.map((name) => [name, reason])),
);
