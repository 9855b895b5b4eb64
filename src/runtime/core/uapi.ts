// Flags of maps and map operations (include/uapi/linux/bpf.h).
export const BPF_ANY: u64 = 0;
export const BPF_NOEXIST: u64 = 1;
export const BPF_EXIST: u64 = 2;
export const BPF_F_LOCK: u64 = 4;

export const BPF_F_NO_PREALLOC: u32 = 1;
export const BPF_F_NO_COMMON_LRU: u32 = 2;
export const BPF_F_NUMA_NODE: u32 = 4;
export const BPF_F_RDONLY: u32 = 8;
export const BPF_F_WRONLY: u32 = 16;
export const BPF_F_ZERO_SEED: u32 = 64;
export const BPF_F_RDONLY_PROG: u32 = 128;
export const BPF_F_WRONLY_PROG: u32 = 256;
export const BPF_F_INNER_MAP: u32 = 4096;
