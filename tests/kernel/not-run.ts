/**
 * Selftests that say what they return (`__retval`) and do not run here, with words of what the
 * machine says. A test holds this list against what happens: what starts to run must leave it.
 */
export interface NotRun {
  readonly object: string;
  /** Programs of the object. */
  readonly programs: readonly string[];
  /** In the error's message. */
  readonly says: string;
}

const SYSCALL = 'cannot run type syscall';
const TRACING = 'cannot run type tracing';
const WORK_QUEUE = "extern 'bpf_wq_set_callback_impl'";

export const NOT_RUN: readonly NotRun[] = [
  {
    object: 'epilogue_exit',
    programs: ['syscall_epilogue_exit0', 'syscall_epilogue_exit1'],
    says: SYSCALL,
  },
  {
    object: 'pro_epilogue',
    programs: ['syscall_prologue', 'syscall_epilogue', 'syscall_pro_epilogue'],
    says: SYSCALL,
  },
  {
    object: 'pro_epilogue_goto_start',
    programs: [
      'syscall_prologue_goto_start',
      'syscall_epilogue_goto_start',
      'syscall_pro_epilogue_goto_start',
    ],
    says: SYSCALL,
  },
  {
    object: 'verifier_arena',
    programs: ['basic_alloc1', 'basic_alloc2', 'basic_alloc3'],
    says: SYSCALL,
  },
  {
    object: 'verifier_bits_iter',
    programs: [
      'null_pointer',
      'bits_copy',
      'bits_memalloc',
      'bit_index',
      'bits_too_big',
      'fewer_words',
      'zero_words',
      'huge_words',
      'max_words',
      'bad_words',
    ],
    says: SYSCALL,
  },
  { object: 'wq', programs: ['test_syscall_array_sleepable'], says: SYSCALL },
  {
    object: 'wq',
    programs: [
      'test_call_array_sleepable',
      'test_call_hash_sleepable',
      'test_call_hash_malloc_sleepable',
      'test_call_lru_sleepable',
    ],
    says: WORK_QUEUE,
  },
  // 4 GiB: an arena's pages are the machine's own memory, which has no more than that for all.
  { object: 'verifier_arena_large', programs: ['big_alloc1'], says: "map 'arena' (arena)" },
  // The functions are those of a module of the tests (bpf_testmod), which is not in a kernel.
  {
    object: 'iters_testmod_seq',
    programs: ['testmod_seq_getter_good'],
    says: "extern 'bpf_iter_testmod_seq_new'",
  },
  // To be adapted to types of another kernel than the machine's (`__btf_path`).
  {
    object: 'verifier_bitfield_write',
    programs: [
      'single_field_roundtrip',
      'multiple_field_roundtrip',
      'adjacent_field_roundtrip',
      'multibyte_field_roundtrip',
    ],
    says: 'invalid func unknown#195896080',
  },
  {
    object: 'verifier_btf_ctx_access',
    programs: ['btf_ctx_access_accept', 'ctx_access_u32_pointer_accept'],
    says: TRACING,
  },
  { object: 'verifier_d_path', programs: ['d_path_accept'], says: TRACING },
  { object: 'verifier_typedef', programs: ['resolve_typedef'], says: TRACING },
  {
    object: 'verifier_netfilter_ctx',
    programs: ['with_valid_ctx_access_test6'],
    says: 'cannot run type netfilter',
  },
];
