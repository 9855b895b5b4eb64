/**
 * What the verifier asks of a map type: which helpers take it, who may use it, what is behind its
 * pointers (kernel/bpf/verifier.c: check_map_func_compatibility, check_map_prog_compatibility).
 */
import type { BatchCommand } from './map-commands.ts';
import { extensionMapTypes } from './extensions.ts';
import { BPF_F_RDONLY_PROG } from './generated/6.12/constants.ts';
import { enums } from './generated/6.12/enums.ts';
import { rawMapTypes } from './generated/6.12/map-ops.ts';
import { helperId } from './names.ts';

export interface MapRules {
  /** Capability to create one, which CAP_SYS_ADMIN stands for; undefined: none. */
  readonly needs?: 'CAP_BPF' | 'CAP_NET_ADMIN';
  /** What it is made with is looked at before anybody asks for capabilities (map_alloc_check). */
  readonly checkedFirst: boolean;
  /** The only helpers that take it; undefined: all that are not bound to other types. */
  readonly helpers?: ReadonlySet<number>;
  /** The map helpers for update and delete take it in some programs (`mayUpdateSockmap`). */
  readonly sockmap?: true;
  /** Sleepable programs may use it. */
  readonly sleepable: boolean;
  /** No program may refer to it. */
  readonly notInPrograms?: true;
  /** Programs may hold the address of its value (map_direct_value_addr). */
  readonly directValue: boolean;
  /** User space may map its memory. */
  readonly mmap: boolean;
  /** Objects may leave max_entries 0: it is made without a size, or libbpf finds one. */
  readonly unsized?: true;
  /** bpf_for_each_map_elem. */
  readonly forEach: boolean;
  /** The kernel's functions behind its operations (`map_lookup_elem`), as programs call them. */
  readonly calls: Readonly<Record<string, string>>;
  /** Struct of the kernel's BTF a pointer to the map points to. */
  readonly struct: string | undefined;
  /** What bpf_map_lookup_elem returns when it is not a value. */
  readonly lookup?: 'map' | 'socket' | 'xdp_sock';
  /** Flags the kernel adds by itself (dev_map_init_map: values of device maps are its own). */
  readonly addedFlags: number;
  /** Batch commands the type has (without: ENOTSUPP). */
  readonly batch: { readonly [Command in BatchCommand]: boolean };
  /** Batches go bucket by bucket, and a position in the map is a bucket's number, not a key. */
  readonly batchBuckets: boolean;
  /** What says whether key and value may have such types (map_check_btf); undefined: all may. */
  readonly checkTypes?: CheckTypes;
  /** bpf_map_peek_elem does not fill the value: it asks whether the map holds it. */
  readonly peekAsks?: true;
}

/** Functions of the kernel behind map_check_btf of map types. */
type CheckTypes = 'array_map_check_btf' | 'trie_check_btf' | 'map_check_no_btf' | 'other';

const ids = (names: string): ReadonlySet<number> =>
  new Set(names.split(' ').map((name) => helperId(name)!));

const STORAGE = (kind: string) => ids(`${kind}_storage_get ${kind}_storage_delete kptr_xchg`);
const LOCAL_STORAGE = ids('get_local_storage');
const REDIRECT = 'redirect_map';
const SOCKETS = 'sk_select_reuseport map_lookup_elem';

/** By the map's side: types that only some helpers take. */
const HELPERS: Readonly<Record<string, ReadonlySet<number>>> = {
  PROG_ARRAY: ids('tail_call'),
  PERF_EVENT_ARRAY: ids(
    'perf_event_read perf_event_output skb_output perf_event_read_value xdp_output',
  ),
  RINGBUF: ids(
    'ringbuf_output ringbuf_reserve ringbuf_query ringbuf_reserve_dynptr ' +
      'ringbuf_submit_dynptr ringbuf_discard_dynptr',
  ),
  USER_RINGBUF: ids('user_ringbuf_drain'),
  STACK_TRACE: ids('get_stackid'),
  CGROUP_ARRAY: ids('skb_under_cgroup current_task_under_cgroup'),
  CGROUP_STORAGE: LOCAL_STORAGE,
  PERCPU_CGROUP_STORAGE: LOCAL_STORAGE,
  DEVMAP: ids(`${REDIRECT} map_lookup_elem`),
  DEVMAP_HASH: ids(`${REDIRECT} map_lookup_elem`),
  CPUMAP: ids(REDIRECT),
  XSKMAP: ids(`${REDIRECT} map_lookup_elem`),
  ARRAY_OF_MAPS: ids('map_lookup_elem'),
  HASH_OF_MAPS: ids('map_lookup_elem'),
  SOCKMAP: ids(`sk_redirect_map sock_map_update msg_redirect_map ${SOCKETS}`),
  SOCKHASH: ids(`sk_redirect_hash sock_hash_update msg_redirect_hash ${SOCKETS}`),
  REUSEPORT_SOCKARRAY: ids('sk_select_reuseport'),
  QUEUE: ids('map_peek_elem map_pop_elem map_push_elem'),
  STACK: ids('map_peek_elem map_pop_elem map_push_elem'),
  SK_STORAGE: STORAGE('sk'),
  INODE_STORAGE: STORAGE('inode'),
  TASK_STORAGE: STORAGE('task'),
  CGRP_STORAGE: STORAGE('cgrp'),
  BLOOM_FILTER: ids('map_peek_elem map_push_elem'),
};

/** By the helper's side: helpers that only take some types. */
const MAPS: Readonly<Record<string, string>> = {
  tail_call: 'PROG_ARRAY',
  perf_event_read: 'PERF_EVENT_ARRAY',
  perf_event_output: 'PERF_EVENT_ARRAY',
  perf_event_read_value: 'PERF_EVENT_ARRAY',
  skb_output: 'PERF_EVENT_ARRAY',
  xdp_output: 'PERF_EVENT_ARRAY',
  ringbuf_output: 'RINGBUF',
  ringbuf_reserve: 'RINGBUF',
  ringbuf_query: 'RINGBUF',
  ringbuf_reserve_dynptr: 'RINGBUF',
  ringbuf_submit_dynptr: 'RINGBUF',
  ringbuf_discard_dynptr: 'RINGBUF',
  user_ringbuf_drain: 'USER_RINGBUF',
  get_stackid: 'STACK_TRACE',
  current_task_under_cgroup: 'CGROUP_ARRAY',
  skb_under_cgroup: 'CGROUP_ARRAY',
  redirect_map: 'DEVMAP DEVMAP_HASH CPUMAP XSKMAP',
  sk_redirect_map: 'SOCKMAP',
  msg_redirect_map: 'SOCKMAP',
  sock_map_update: 'SOCKMAP',
  sk_redirect_hash: 'SOCKHASH',
  msg_redirect_hash: 'SOCKHASH',
  sock_hash_update: 'SOCKHASH',
  get_local_storage: 'CGROUP_STORAGE PERCPU_CGROUP_STORAGE',
  sk_select_reuseport: 'REUSEPORT_SOCKARRAY SOCKMAP SOCKHASH',
  map_pop_elem: 'QUEUE STACK',
  map_peek_elem: 'QUEUE STACK BLOOM_FILTER',
  map_push_elem: 'QUEUE STACK BLOOM_FILTER',
  map_lookup_percpu_elem: 'PERCPU_ARRAY PERCPU_HASH LRU_PERCPU_HASH',
  sk_storage_get: 'SK_STORAGE',
  sk_storage_delete: 'SK_STORAGE',
  inode_storage_get: 'INODE_STORAGE',
  inode_storage_delete: 'INODE_STORAGE',
  task_storage_get: 'TASK_STORAGE',
  task_storage_delete: 'TASK_STORAGE',
  cgrp_storage_get: 'CGRP_STORAGE',
  cgrp_storage_delete: 'CGRP_STORAGE',
};

const SLEEPABLE = new Set(
  (
    'HASH LRU_HASH ARRAY PERCPU_HASH PERCPU_ARRAY LRU_PERCPU_HASH ARRAY_OF_MAPS HASH_OF_MAPS ' +
    'RINGBUF USER_RINGBUF INODE_STORAGE SK_STORAGE TASK_STORAGE CGRP_STORAGE QUEUE STACK ARENA'
  ).split(' '),
);

const LOOKUPS: Readonly<Record<string, MapRules['lookup']>> = {
  ARRAY_OF_MAPS: 'map',
  HASH_OF_MAPS: 'map',
  SOCKMAP: 'socket',
  SOCKHASH: 'socket',
  XSKMAP: 'xdp_sock',
};

const CHECK_TYPES: Readonly<Record<string, CheckTypes>> = {
  ARRAY: 'array_map_check_btf',
  PERCPU_ARRAY: 'array_map_check_btf',
  LPM_TRIE: 'trie_check_btf',
  PERF_EVENT_ARRAY: 'map_check_no_btf',
  CGROUP_ARRAY: 'map_check_no_btf',
  PROG_ARRAY: 'map_check_no_btf',
  ARRAY_OF_MAPS: 'map_check_no_btf',
  HASH_OF_MAPS: 'map_check_no_btf',
  DEVMAP: 'map_check_no_btf',
  DEVMAP_HASH: 'map_check_no_btf',
  CPUMAP: 'map_check_no_btf',
  XSKMAP: 'map_check_no_btf',
  STACK_TRACE: 'map_check_no_btf',
  SOCKMAP: 'map_check_no_btf',
  SOCKHASH: 'map_check_no_btf',
};

/** Types that everybody may create where unprivileged BPF is on; and those of the network. */
const ANYONE = new Set(
  (
    'ARRAY PERCPU_ARRAY PROG_ARRAY PERF_EVENT_ARRAY CGROUP_ARRAY ARRAY_OF_MAPS HASH PERCPU_HASH ' +
    'HASH_OF_MAPS RINGBUF USER_RINGBUF CGROUP_STORAGE PERCPU_CGROUP_STORAGE'
  ).split(' '),
);
const NETWORK = new Set('SOCKMAP SOCKHASH DEVMAP DEVMAP_HASH XSKMAP'.split(' '));

/** Storage lies with its owner; a struct_ops has one value; libbpf counts CPUs for events. */
const UNSIZED = new Set(
  (
    'SK_STORAGE INODE_STORAGE TASK_STORAGE CGRP_STORAGE CGROUP_STORAGE PERCPU_CGROUP_STORAGE ' +
    'STRUCT_OPS PERF_EVENT_ARRAY'
  ).split(' '),
);

function needsOf(name: string): Pick<MapRules, 'needs'> {
  if (ANYONE.has(name)) return {};
  return { needs: NETWORK.has(name) ? 'CAP_NET_ADMIN' : 'CAP_BPF' };
}

const PREFIX = 'BPF_MAP_TYPE_';
/** The kernel's struct of maps of devices. */
const DEVICE_MAP = 'bpf_dtab';

function rulesOf(name: string): MapRules {
  const { ops, calls, struct } = rawMapTypes[PREFIX + name]!;
  const helpers = HELPERS[name];
  const lookup = LOOKUPS[name];
  const batch = (command: BatchCommand) => ops.includes(`map_${command}_batch`);
  return {
    ...needsOf(name),
    checkedFirst: ops.includes('map_alloc_check'),
    batch: {
      lookup: batch('lookup'),
      lookup_and_delete: batch('lookup_and_delete'),
      update: batch('update'),
      delete: batch('delete'),
    },
    batchBuckets: batch('lookup_and_delete'),
    sleepable: SLEEPABLE.has(name),
    directValue: ops.includes('map_direct_value_addr'),
    mmap: ops.includes('map_mmap'),
    forEach: ops.includes('map_for_each_callback'),
    calls,
    struct,
    addedFlags: struct === DEVICE_MAP ? BPF_F_RDONLY_PROG : 0,
    ...(helpers && { helpers }),
    ...(lookup && { lookup }),
    ...(lookup === 'socket' && { sockmap: true as const }),
    ...(ops.includes('map_check_btf') && { checkTypes: CHECK_TYPES[name] ?? 'other' }),
    ...(name === 'BLOOM_FILTER' && { peekAsks: true as const }),
    ...(name === 'STRUCT_OPS' && { notInPrograms: true as const }),
    ...(UNSIZED.has(name) && { unsized: true as const }),
  };
}

const typeId = (name: string): number =>
  enums.bpf_map_type[(PREFIX + name) as keyof typeof enums.bpf_map_type];

/** Maps that Linux does not have: all programs may use them, with the map helpers. */
const EXTENSION: MapRules = {
  needs: 'CAP_BPF',
  checkedFirst: false,
  sleepable: false,
  directValue: false,
  calls: {},
  forEach: false,
  struct: 'bpf_map',
  mmap: false,
  batch: { lookup: false, lookup_and_delete: false, update: false, delete: false },
  batchBuckets: false,
  addedFlags: 0,
};

const byType: ReadonlyMap<number, MapRules> = new Map([
  ...Object.keys(rawMapTypes).map((key): [number, MapRules] => {
    const name = key.slice(PREFIX.length);
    return [typeId(name), rulesOf(name)];
  }),
  ...Object.values(extensionMapTypes).map((id): [number, MapRules] => [id, EXTENSION]),
]);

const byHelper: ReadonlyMap<number, ReadonlySet<number>> = new Map(
  Object.entries(MAPS).map(([helper, types]) => [
    helperId(helper)!,
    new Set(types.split(' ').map(typeId)),
  ]),
);

/** The rules of a map type (BPF_MAP_TYPE_* number); undefined if Linux has no such type. */
export function mapRules(type: number): MapRules | undefined {
  return byType.get(type);
}

/**
 * True if a map of that type may be given to the helper. `sockmapUpdate`: the program may change
 * sockmaps with the map helpers (`mayUpdateSockmap`).
 */
export function helperTakesMap(helper: number, mapType: number, sockmapUpdate: boolean): boolean {
  const rules = byType.get(mapType);
  if (rules?.helpers && !rules.helpers.has(helper) && !(rules.sockmap && sockmapUpdate)) {
    return false;
  }
  return byHelper.get(helper)?.has(mapType) ?? true;
}
