/** Numbers of the helpers whose calls have rules of their own, taken from `abi` by name. */
import { helperId, helperName } from '../../abi/index.ts';
import { BugError } from '../../base/index.ts';

function idOf(name: string): number {
  const id = helperId(name);
  if (id === undefined) throw new BugError(`there is no helper ${name}`);
  return id;
}

const idsOf = (...names: string[]): ReadonlySet<number> => new Set(names.map(idOf));

/** func_id_name: 'bpf_map_lookup_elem', or 'unknown'. */
export function helperText(id: number): string {
  const name = helperName(id);
  return name === undefined ? 'unknown' : `bpf_${name}`;
}

export const KPTR_XCHG = idOf('kptr_xchg');
export const SK_RELEASE = idOf('sk_release');
export const SPIN_LOCK = idOf('spin_lock');
export const TAIL_CALL = idOf('tail_call');
export const MAP_LOOKUP_ELEM = idOf('map_lookup_elem');
export const MAP_UPDATE_ELEM = idOf('map_update_elem');
export const MAP_DELETE_ELEM = idOf('map_delete_elem');
export const MAP_PEEK_ELEM = idOf('map_peek_elem');
export const GET_FUNC_IP = idOf('get_func_ip');
export const DYNPTR_DATA = idOf('dynptr_data');
export const GET_SMP_PROCESSOR_ID = idOf('get_smp_processor_id');

/** Calls whose map the rewriting passes want to know (record_func_map). */
export const RECORDS_MAP = idsOf(
  'tail_call',
  'map_lookup_elem',
  'map_update_elem',
  'map_delete_elem',
  'map_push_elem',
  'map_pop_elem',
  'map_peek_elem',
  'for_each_map_elem',
  'redirect_map',
  'map_lookup_percpu_elem',
);
/** Calls a map that programs may only read refuses. */
export const WRITES_MAP = idsOf(
  'map_delete_elem',
  'map_update_elem',
  'map_push_elem',
  'map_pop_elem',
);
/** is_storage_get_function */
export const STORAGE_GET = idsOf(
  'sk_storage_get',
  'inode_storage_get',
  'task_storage_get',
  'cgrp_storage_get',
);
/** Results that carry the reference of an argument (is_ptr_cast_function). */
export const CASTS = idsOf(
  'tcp_sock',
  'sk_fullsock',
  'skc_to_tcp_sock',
  'skc_to_tcp6_sock',
  'skc_to_udp6_sock',
  'skc_to_mptcp_sock',
  'skc_to_tcp_timewait_sock',
  'skc_to_tcp_request_sock',
);
/** Calls that return a new reference (is_acquire_function); lookups do for some maps only. */
export const ACQUIRES = idsOf(
  'sk_lookup_tcp',
  'sk_lookup_udp',
  'skc_lookup_tcp',
  'ringbuf_reserve',
  'kptr_xchg',
);
/** Results between -MAX_ERRNO and the size asked for. */
export const RETURNS_LENGTH = idsOf(
  'get_stack',
  'get_task_stack',
  'probe_read_str',
  'probe_read_kernel_str',
  'probe_read_user_str',
);

export { idOf };
