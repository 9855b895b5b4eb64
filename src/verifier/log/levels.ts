/** Bits of `log_level` (include/linux/bpf_verifier.h). */

/** What is shown of each function, once. */
const BPF_LOG_LEVEL1 = 1;
/** Details of every path. */
export const BPF_LOG_LEVEL2 = 2;
/** The words of either. */
export const BPF_LOG_LEVEL = BPF_LOG_LEVEL1 | BPF_LOG_LEVEL2;
/** Time and stack depths in the last lines. */
export const BPF_LOG_STATS = 4;
/** Keep the beginning instead of the end when the buffer is too small. */
export const BPF_LOG_FIXED = 8;
