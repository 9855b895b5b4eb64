/** Flags and bounds that the facts of several map types use. */
import {
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY,
  BPF_F_WRONLY_PROG,
} from '../generated/6.12/constants.ts';

export {
  BPF_F_CLONE,
  BPF_F_INNER_MAP,
  BPF_F_LINK,
  BPF_F_MMAPABLE,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NO_USER_CONV,
  BPF_F_NUMA_NODE,
  BPF_F_PRESERVE_ELEMS,
  BPF_F_RDONLY,
  BPF_F_SEGV_ON_FAULT,
  BPF_F_STACK_BUILD_ID,
  BPF_F_VTYPE_BTF_OBJ_FD,
  BPF_F_WRONLY,
  BPF_F_ZERO_SEED,
} from '../generated/6.12/constants.ts';

/** The kernel's BPF_F_ACCESS_MASK: who may read and write, bpf(2) and programs. */
export const BPF_F_ACCESS_MASK =
  BPF_F_RDONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY | BPF_F_WRONLY_PROG;

export const U32_MAX = 0xffffffff;
export const INT_MAX = 0x7fffffff;
/** PCPU_MIN_UNIT_SIZE: largest value of a per-CPU map. */
export const PCPU_MIN_UNIT_SIZE = 32768;
/** Largest block the kernel's kmalloc gives. */
export const KMALLOC_MAX_SIZE = 4 << 20;
export const PAGE_SIZE = 4096;
/**
 * BPF_LOCAL_STORAGE_MAX_VALUE_SIZE: what a u16 can say, less struct bpf_local_storage_elem
 * (128 bytes).
 */
export const STORAGE_MAX_VALUE_SIZE = 0xffff - 128;
