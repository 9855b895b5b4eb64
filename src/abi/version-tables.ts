/**
 * In which version of Linux things first appeared, as upstream counts: helpers, kernel functions,
 * map types, program types, attach types. Which side of 6.1 and 6.12 each is on is held against the
 * kernels' own enums by tests/abi/versions.test.ts.
 */

/** Version → names, a blank between. */
export type VersionTable = Readonly<Record<string, string>>;

/** BPF_PROG_TYPE_*, in lower case. */
export const programTypeVersions: VersionTable = {
  '3.19': 'socket_filter',
  '4.1': 'kprobe sched_cls sched_act',
  '4.7': 'tracepoint',
  '4.8': 'xdp',
  '4.9': 'perf_event',
  '4.10': 'cgroup_skb cgroup_sock lwt_in lwt_out lwt_xmit',
  '4.13': 'sock_ops',
  '4.14': 'sk_skb',
  '4.15': 'cgroup_device',
  '4.17': 'sk_msg raw_tracepoint cgroup_sock_addr',
  '4.18': 'lwt_seg6local lirc_mode2',
  '4.19': 'sk_reuseport',
  '4.20': 'flow_dissector',
  '5.2': 'cgroup_sysctl raw_tracepoint_writable',
  '5.3': 'cgroup_sockopt',
  '5.5': 'tracing',
  '5.6': 'struct_ops ext',
  '5.7': 'lsm',
  '5.9': 'sk_lookup',
  '5.14': 'syscall',
  '6.4': 'netfilter',
};

/** BPF_MAP_TYPE_*, in lower case. */
export const mapTypeVersions: VersionTable = {
  '3.19': 'hash array',
  '4.2': 'prog_array',
  '4.3': 'perf_event_array',
  '4.6': 'percpu_hash percpu_array stack_trace',
  '4.8': 'cgroup_array',
  '4.10': 'lru_hash lru_percpu_hash',
  '4.11': 'lpm_trie',
  '4.12': 'array_of_maps hash_of_maps',
  '4.14': 'devmap sockmap',
  '4.15': 'cpumap',
  '4.18': 'xskmap sockhash',
  '4.19': 'cgroup_storage reuseport_sockarray',
  '4.20': 'percpu_cgroup_storage queue stack',
  '5.2': 'sk_storage',
  '5.4': 'devmap_hash',
  '5.6': 'struct_ops',
  '5.8': 'ringbuf',
  '5.10': 'inode_storage',
  '5.11': 'task_storage',
  '5.16': 'bloom_filter',
  '6.1': 'user_ringbuf',
  '6.2': 'cgrp_storage',
  '6.9': 'arena',
};

/** BPF_F_* of maps that an object file can ask for. */
export const mapFlagVersions: VersionTable = {
  '4.6': 'NO_PREALLOC',
  '4.10': 'NO_COMMON_LRU',
  '4.14': 'NUMA_NODE',
  '4.15': 'RDONLY WRONLY',
  '4.17': 'STACK_BUILD_ID',
  '5.0': 'ZERO_SEED',
  '5.2': 'RDONLY_PROG WRONLY_PROG',
  '5.4': 'CLONE',
  '5.5': 'MMAPABLE',
  '5.10': 'PRESERVE_ELEMS INNER_MAP',
  '6.4': 'LINK',
  '6.9': 'SEGV_ON_FAULT NO_USER_CONV',
};

/** BPF_* attach types, in lower case. */
export const attachTypeVersions: VersionTable = {
  '4.10': 'cgroup_inet_ingress cgroup_inet_egress cgroup_inet_sock_create',
  '4.13': 'cgroup_sock_ops',
  '4.14': 'sk_skb_stream_parser sk_skb_stream_verdict',
  '4.15': 'cgroup_device',
  '4.17':
    'sk_msg_verdict cgroup_inet4_bind cgroup_inet6_bind cgroup_inet4_connect ' +
    'cgroup_inet6_connect cgroup_inet4_post_bind cgroup_inet6_post_bind',
  '4.18': 'cgroup_udp4_sendmsg cgroup_udp6_sendmsg lirc_mode2',
  '4.20': 'flow_dissector',
  '5.2': 'cgroup_sysctl cgroup_udp4_recvmsg cgroup_udp6_recvmsg',
  '5.3': 'cgroup_getsockopt cgroup_setsockopt',
  '5.5': 'trace_raw_tp trace_fentry trace_fexit',
  '5.7': 'modify_return lsm_mac',
  '5.8':
    'trace_iter cgroup_inet4_getpeername cgroup_inet6_getpeername cgroup_inet4_getsockname ' +
    'cgroup_inet6_getsockname xdp_devmap',
  '5.9': 'cgroup_inet_sock_release xdp_cpumap sk_lookup xdp',
  '5.13': 'sk_skb_verdict',
  '5.14': 'sk_reuseport_select sk_reuseport_select_or_migrate',
  '5.15': 'perf_event',
  '5.18': 'trace_kprobe_multi',
  '6.0': 'lsm_cgroup',
  '6.4': 'struct_ops netfilter',
  '6.6': 'tcx_ingress tcx_egress trace_uprobe_multi',
  '6.7':
    'cgroup_unix_connect cgroup_unix_sendmsg cgroup_unix_recvmsg cgroup_unix_getpeername ' +
    'cgroup_unix_getsockname netkit_primary netkit_peer',
  '6.10': 'trace_kprobe_session',
};

/** Helpers without `bpf_`: in some program type at least. */
export const helperVersions: VersionTable = {
  '3.18': 'map_lookup_elem map_update_elem',
  '3.19': 'map_delete_elem',
  '4.1':
    'probe_read ktime_get_ns trace_printk get_prandom_u32 get_smp_processor_id ' +
    'skb_store_bytes l3_csum_replace l4_csum_replace',
  '4.2': 'tail_call clone_redirect get_current_pid_tgid get_current_uid_gid get_current_comm',
  '4.3':
    'get_cgroup_classid skb_vlan_push skb_vlan_pop skb_get_tunnel_key skb_set_tunnel_key ' +
    'perf_event_read',
  '4.4': 'redirect get_route_realm perf_event_output',
  '4.5': 'skb_load_bytes',
  '4.6': 'get_stackid csum_diff skb_get_tunnel_opt skb_set_tunnel_opt',
  '4.8':
    'skb_change_proto skb_change_type skb_under_cgroup get_hash_recalc get_current_task ' +
    'probe_write_user',
  '4.9': 'current_task_under_cgroup skb_change_tail skb_pull_data csum_update set_hash_invalid',
  '4.10': 'get_numa_node_id skb_change_head xdp_adjust_head',
  '4.11': 'probe_read_str',
  '4.12': 'get_socket_cookie get_socket_uid',
  '4.13': 'set_hash setsockopt skb_adjust_room',
  '4.14': 'redirect_map sk_redirect_map sock_map_update',
  '4.15': 'xdp_adjust_meta perf_event_read_value perf_prog_read_value getsockopt',
  '4.16': 'override_return sock_ops_cb_flags_set',
  '4.17': 'msg_redirect_map msg_apply_bytes msg_cork_bytes msg_pull_data bind',
  '4.18':
    'xdp_adjust_tail skb_get_xfrm_state get_stack skb_load_bytes_relative fib_lookup ' +
    'sock_hash_update msg_redirect_hash sk_redirect_hash lwt_push_encap ' +
    'lwt_seg6_store_bytes lwt_seg6_adjust_srh lwt_seg6_action rc_repeat rc_keydown ' +
    'skb_cgroup_id get_current_cgroup_id',
  '4.19': 'get_local_storage sk_select_reuseport skb_ancestor_cgroup_id',
  '4.20':
    'sk_lookup_tcp sk_lookup_udp sk_release map_push_elem map_pop_elem map_peek_elem ' +
    'msg_push_data',
  '5.0': 'msg_pop_data rc_pointer_rel',
  '5.1': 'spin_lock spin_unlock sk_fullsock tcp_sock skb_ecn_set_ce get_listener_sock',
  '5.2':
    'skc_lookup_tcp tcp_check_syncookie sysctl_get_name sysctl_get_current_value ' +
    'sysctl_get_new_value sysctl_set_new_value strtol strtoul sk_storage_get ' +
    'sk_storage_delete',
  '5.3': 'send_signal',
  '5.4': 'tcp_gen_syncookie',
  '5.5': 'skb_output probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str',
  '5.6': 'tcp_send_ack send_signal_thread jiffies64',
  '5.7':
    'read_branch_records get_ns_current_pid_tgid xdp_output get_netns_cookie ' +
    'get_current_ancestor_cgroup_id sk_assign',
  '5.8':
    'ktime_get_boot_ns seq_printf seq_write sk_cgroup_id sk_ancestor_cgroup_id ' +
    'ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query csum_level',
  '5.9':
    'skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock ' +
    'skc_to_udp6_sock get_task_stack',
  '5.10':
    'load_hdr_opt store_hdr_opt reserve_hdr_opt inode_storage_get inode_storage_delete ' +
    'd_path copy_from_user snprintf_btf seq_printf_btf skb_cgroup_classid redirect_neigh ' +
    'per_cpu_ptr this_cpu_ptr redirect_peer',
  '5.11':
    'task_storage_get task_storage_delete get_current_task_btf bprm_opts_set ' +
    'ktime_get_coarse_ns ima_inode_hash sock_from_file',
  '5.12': 'check_mtu',
  '5.13': 'for_each_map_elem snprintf',
  '5.14': 'sys_bpf btf_find_by_name_kind sys_close',
  '5.15':
    'timer_init timer_set_callback timer_start timer_cancel get_func_ip get_attach_cookie ' +
    'task_pt_regs',
  '5.16': 'get_branch_snapshot trace_vprintk skc_to_unix_sock kallsyms_lookup_name',
  '5.17': 'find_vma loop strncmp get_func_arg get_func_ret get_func_arg_cnt',
  '5.18':
    'get_retval set_retval xdp_get_buff_len xdp_load_bytes xdp_store_bytes ' +
    'copy_from_user_task skb_set_tstamp ima_file_hash',
  '5.19':
    'kptr_xchg map_lookup_percpu_elem skc_to_mptcp_sock dynptr_from_mem ' +
    'ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_read ' +
    'dynptr_write dynptr_data',
  '6.0':
    'tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4 ' +
    'tcp_raw_check_syncookie_ipv6',
  '6.1': 'ktime_get_tai_ns user_ringbuf_drain',
  '6.2': 'cgrp_storage_get cgrp_storage_delete',
};

/** Kernel functions. */
export const kfuncVersions: VersionTable = {
  '5.13':
    'tcp_cong_avoid_ai tcp_reno_cong_avoid tcp_reno_ssthresh tcp_reno_undo_cwnd ' +
    'tcp_slow_start cubictcp_acked cubictcp_cong_avoid cubictcp_cwnd_event cubictcp_init ' +
    'cubictcp_recalc_ssthresh cubictcp_state bbr_cwnd_event bbr_init bbr_main ' +
    'bbr_min_tso_segs bbr_set_state bbr_sndbuf_expand bbr_ssthresh bbr_undo_cwnd ' +
    'dctcp_cwnd_event dctcp_cwnd_undo dctcp_init dctcp_ssthresh dctcp_state ' +
    'dctcp_update_alpha',
  '5.18': 'bpf_xdp_ct_lookup bpf_skb_ct_lookup bpf_ct_release',
  '6.0':
    'bpf_xdp_ct_alloc bpf_skb_ct_alloc bpf_ct_insert_entry bpf_ct_set_timeout ' +
    'bpf_ct_change_timeout bpf_ct_set_status bpf_ct_change_status',
  '6.1':
    'bpf_ct_set_nat_info cgroup_rstat_updated cgroup_rstat_flush bpf_lookup_user_key ' +
    'bpf_lookup_system_key bpf_key_put bpf_verify_pkcs7_signature crash_kexec',
  '6.2':
    'bpf_obj_new_impl bpf_obj_drop_impl bpf_list_pop_front bpf_list_pop_back ' +
    'bpf_task_acquire bpf_task_release bpf_task_from_pid bpf_cgroup_acquire ' +
    'bpf_cgroup_release bpf_cgroup_ancestor bpf_cast_to_kern_ctx bpf_rdonly_cast ' +
    'bpf_rcu_read_lock bpf_rcu_read_unlock bpf_skb_get_xfrm_info bpf_skb_set_xfrm_info',
  '6.3':
    'bpf_cpumask_create bpf_cpumask_release bpf_cpumask_acquire bpf_cpumask_first ' +
    'bpf_cpumask_first_zero bpf_cpumask_set_cpu bpf_cpumask_clear_cpu bpf_cpumask_test_cpu ' +
    'bpf_cpumask_test_and_set_cpu bpf_cpumask_test_and_clear_cpu bpf_cpumask_setall ' +
    'bpf_cpumask_clear bpf_cpumask_and bpf_cpumask_or bpf_cpumask_xor bpf_cpumask_equal ' +
    'bpf_cpumask_intersects bpf_cpumask_subset bpf_cpumask_empty bpf_cpumask_full ' +
    'bpf_cpumask_copy bpf_rbtree_remove bpf_rbtree_first bpf_xdp_metadata_rx_timestamp ' +
    'bpf_xdp_metadata_rx_hash',
  '6.4':
    'bpf_refcount_acquire_impl bpf_list_push_front_impl bpf_list_push_back_impl ' +
    'bpf_rbtree_add_impl bpf_cgroup_from_id bpf_dynptr_slice bpf_dynptr_slice_rdwr ' +
    'bpf_iter_num_new bpf_iter_num_next bpf_iter_num_destroy bpf_dynptr_from_skb ' +
    'bpf_dynptr_from_xdp bpf_skb_set_fou_encap bpf_skb_get_fou_encap',
  '6.5':
    'bpf_cpumask_first_and bpf_cpumask_any_distribute bpf_cpumask_any_and_distribute ' +
    'bpf_task_under_cgroup bpf_dynptr_adjust bpf_dynptr_is_null bpf_dynptr_is_rdonly ' +
    'bpf_dynptr_size bpf_dynptr_clone bpf_sock_destroy',
  '6.6': 'bpf_map_sum_elem_count',
  '6.7':
    'bpf_percpu_obj_new_impl bpf_percpu_obj_drop_impl bpf_throw bpf_iter_task_vma_new ' +
    'bpf_iter_task_vma_next bpf_iter_task_vma_destroy bpf_iter_css_task_new ' +
    'bpf_iter_css_task_next bpf_iter_css_task_destroy bpf_iter_css_new bpf_iter_css_next ' +
    'bpf_iter_css_destroy bpf_iter_task_new bpf_iter_task_next bpf_iter_task_destroy ' +
    'bpf_sock_addr_set_sun_path',
  '6.8':
    'bpf_cpumask_weight bpf_task_get_cgroup1 bpf_get_file_xattr bpf_get_fsverity_digest ' +
    'bpf_xdp_metadata_rx_vlan_tag bpf_xdp_get_xfrm_state bpf_xdp_xfrm_state_release',
  '6.9': 'bpf_arena_alloc_pages bpf_arena_free_pages bpf_sk_assign_tcp_reqsk',
  '6.10':
    'bpf_wq_init bpf_wq_set_callback_impl bpf_wq_start bpf_preempt_disable ' +
    'bpf_preempt_enable bpf_crypto_ctx_create bpf_crypto_ctx_release bpf_crypto_ctx_acquire ' +
    'bpf_crypto_decrypt bpf_crypto_encrypt bpf_session_is_return bpf_session_cookie',
  '6.11': 'bpf_iter_bits_new bpf_iter_bits_next bpf_iter_bits_destroy bpf_xdp_flow_lookup',
  '6.12':
    'bpf_copy_from_user_str bpf_get_dentry_xattr bpf_get_task_exe_file bpf_put_file ' +
    'bpf_path_d_path',
};
