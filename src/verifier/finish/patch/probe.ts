/** Modes of loads and stores that only the kernel makes (include/linux/filter.h). */
export const BPF_PROBE_MEM = 0x20;
export const BPF_PROBE_MEMSX = 0x40;
export const BPF_PROBE_MEM32 = 0xa0;
export const BPF_PROBE_ATOMIC = 0xe0;
/** A barrier against speculation: ST with mode NOSPEC. */
export const BPF_NOSPEC = 0xc0;
/** A tail call, once it is known as one. */
export const BPF_TAIL_CALL = 0xf0;
