import { createMachine, type ObjectFile, parseObject } from '../../src/index.ts';
import { selftest, testmod } from './selftests.ts';

/**
 * Objects of the kernel's selftests (and benchmarks of theirs) about maps, storage, allocators and
 * what programs own, whose programs the kernel accepts.
 */
export const OBJECTS: readonly string[] = [
  // Lists, trees, references, kptrs.
  'linked_list',
  'rbtree',
  'refcounted_kptr',
  'local_kptr_stash',
  'kptr_xchg_inline',
  'percpu_alloc_array',
  'percpu_alloc_cgrp_local_storage',
  'map_kptr',
  // Local storage.
  'task_local_storage',
  'task_local_storage_exit_creds',
  'task_ls_recursion',
  'task_storage_nodeadlock',
  'cgrp_ls_tp_btf',
  'cgrp_ls_recursion',
  'cgrp_ls_sleepable',
  'cgrp_ls_negative',
  'cgrp_ls_attach_cgroup',
  'test_sk_storage_tracing',
  'test_sk_storage_trace_itself',
  'sk_storage_omem_uncharge',
  'local_storage',
  'local_storage_bench',
  'local_storage_rcu_tasks_trace_bench',
  'bench_local_storage_create',
  // Allocators and grace periods.
  'test_bpf_ma',
  'preempted_bpf_ma_op',
  'htab_reuse',
  'htab_update',
  'htab_mem_bench',
  'rcu_tasks_trace_gp',
  'lru_bug',
  // Maps.
  'test_hash_large_key',
  'bloom_filter_map',
  'bloom_filter_bench',
  'bpf_hashmap_lookup',
  'bpf_hashmap_full_update_bench',
  'test_ringbuf',
  'test_ringbuf_n',
  'test_ringbuf_map_key',
  'test_ringbuf_write',
  'test_ringbuf_multi',
  'ringbuf_bench',
  'user_ringbuf_success',
  'test_map_init',
  'test_map_ops',
  'test_map_lookup_percpu_elem',
  'test_lookup_and_delete',
  'inner_array_lookup',
  'access_map_in_map',
  'test_map_in_map',
  'test_map_in_map_invalid',
  'map_in_map_btf',
  'normal_map_btf',
  'map_ptr_kern',
  'test_mmap',
  'test_map_lock',
  'for_each_hash_map_elem',
  'for_each_array_map_elem',
  'for_each_multi_maps',
  'for_each_map_elem_write_key',
  'bpf_iter_bpf_hash_map',
  'test_spin_lock',
  // Arenas, timers, work, loops, dynptrs, exceptions.
  'arena_list',
  'arena_htab',
  'arena_htab_asm',
  'arena_atomics',
  'verifier_arena',
  'verifier_arena_large',
  'timer',
  'timer_mim',
  'timer_lockup',
  'timer_crash',
  'wq',
  'bpf_loop',
  'dynptr_success',
  'exceptions',
  'exceptions_ext',
];

/** Types of programs that only a packet or a test run makes run: they need no hook. */
const RUN_ALONE = new Set([
  'xdp',
  'sched_cls',
  'sched_act',
  'syscall',
  'cgroup_skb',
  'socket_filter',
]);

/** Types of maps whose sizes benchmarks set. */
const SIZED_BY_TESTS = new Set(['hash', 'array', 'bloom_filter']);

type Spec = ObjectFile['maps'][number];

/** What tests and benchmarks set between open and load: sizes, the template of a map of maps. */
function sized(object: ObjectFile): ObjectFile {
  const size = (spec: Spec): Spec => {
    const ring = spec.type === 'ringbuf' || spec.type === 'user_ringbuf';
    const none = spec.maxEntries === 0 && !spec.type?.endsWith('_storage');
    const keyed = spec.type === 'hash' && spec.keySize === 0;
    const valued = spec.valueSize === 0 && SIZED_BY_TESTS.has(spec.type!);
    return {
      ...spec,
      ...templateOf(spec, size),
      ...((ring || none) && { maxEntries: 4096 }),
      ...(keyed && { keySize: 4 }),
      ...(valued && { valueSize: 8 }),
    };
  };
  return { ...object, maps: object.maps.map(size) };
}

function templateOf(spec: Spec, size: (spec: Spec) => Spec): { inner?: Spec } {
  if (spec.inner) return { inner: size(spec.inner) };
  if (!spec.type?.endsWith('_of_maps')) return {};
  return { inner: { ...spec, name: 'inner', type: 'hash', typeId: 1, maxEntries: 2 } };
}

/**
 * What keeps a program from running on this machine: undefined if it is loaded, and attached where
 * it needs to be, or run where it says what it returns.
 */
export async function obstacle(name: string, program: string): Promise<string | undefined> {
  const object = sized(parseObject(selftest(name)));
  const btf = object.btf!;
  const types = (prefix: string, sizes: readonly number[]) =>
    sizes.map((size) => btf.find('struct', `${prefix}${size}`)!);
  const globals =
    name === 'test_bpf_ma'
      ? {
          data_btf_ids: types('bin_data_', [16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096]),
          percpu_data_btf_ids: [
            ...types('percpu_bin_data_', [8, 16, 32, 64, 96, 128, 192, 256, 512]),
            0,
            0,
          ],
        }
      : {};
  using host = await createMachine({ engine: 'interpreter', kfuncs: testmod });
  try {
    const loaded = await host.load(object, { programs: [program], globals });
    const one = loaded.programs[program]!;
    if (one.spec.type === 'syscall' && name.startsWith('verifier_')) one.run({});
    else if (!RUN_ALONE.has(one.spec.type!)) one.attach();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
