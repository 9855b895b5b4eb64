/* SPDX-License-Identifier: MIT
 *
 * What the C made of a .bpf.ts file calls. `nodebug` gives the instructions of these functions the
 * source line of the call: the TypeScript, not this file.
 */
#ifndef BEEYARD_TYPESCRIPT_H
#define BEEYARD_TYPESCRIPT_H

#include "bpf.h"

#define BEEYARD_OP static inline __attribute__((always_inline, nodebug, unused))

/* Division by zero gives 0, a remainder by zero the dividend, as BPF's instructions do. */
BEEYARD_OP __u32 beeyard_div_u32(__u32 a, __u32 b) { return b ? a / b : 0; }
BEEYARD_OP __u64 beeyard_div_u64(__u64 a, __u64 b) { return b ? a / b : 0; }
BEEYARD_OP __u32 beeyard_mod_u32(__u32 a, __u32 b) { return b ? a % b : a; }
BEEYARD_OP __u64 beeyard_mod_u64(__u64 a, __u64 b) { return b ? a % b : a; }

/* Signed division of its own: instruction sets before v4 have none. Rounds towards zero. */
BEEYARD_OP __u32 beeyard_abs_i32(__s32 a) { return a < 0 ? 0 - (__u32)a : (__u32)a; }
BEEYARD_OP __u64 beeyard_abs_i64(__s64 a) { return a < 0 ? 0 - (__u64)a : (__u64)a; }

BEEYARD_OP __s32 beeyard_div_i32(__s32 a, __s32 b) {
  __u32 quotient = beeyard_div_u32(beeyard_abs_i32(a), beeyard_abs_i32(b));
  return (__s32)((a < 0) != (b < 0) ? 0 - quotient : quotient);
}
BEEYARD_OP __s64 beeyard_div_i64(__s64 a, __s64 b) {
  __u64 quotient = beeyard_div_u64(beeyard_abs_i64(a), beeyard_abs_i64(b));
  return (__s64)((a < 0) != (b < 0) ? 0 - quotient : quotient);
}
BEEYARD_OP __s32 beeyard_mod_i32(__s32 a, __s32 b) {
  __u32 rest = beeyard_mod_u32(beeyard_abs_i32(a), beeyard_abs_i32(b));
  return (__s32)(a < 0 ? 0 - rest : rest);
}
BEEYARD_OP __s64 beeyard_mod_i64(__s64 a, __s64 b) {
  __u64 rest = beeyard_mod_u64(beeyard_abs_i64(a), beeyard_abs_i64(b));
  return (__s64)(a < 0 ? 0 - rest : rest);
}

/*
 * An index below `length`, as a number clang knows nothing of. It would join address and index by OR
 * where their bits do not overlap, which the verifier takes from no pointer, or compare a copy that
 * the verifier does not know to be one. Where a mask can say that it is below, one does.
 */
BEEYARD_OP __u64 beeyard_index(__u64 index, __u32 length) {
  asm volatile("" : "+r"(index));
  index = length & (length - 1) ? (__u32)index : index & (length - 1);
  asm volatile("" : "+r"(index));
  return index;
}

/*
 * The packet's bytes at `offset`, or NULL. The verifier follows offsets below 64 KiB only. Bytes of a
 * packet are never at NULL, but clang, which takes `data` for a number, would test that again. The
 * length is hidden from clang, which would mix up its arithmetic with that of the pointers.
 */
#define BEEYARD_PACKET(context)                                                                      \
  BEEYARD_OP void *beeyard_read_##context(struct context *ctx, __u64 offset, __u64 size) {         \
    if (offset > 0xffff - size)                                                                    \
      return NULL;                                                                                 \
    void *at = (void *)(long)ctx->data + offset;                                                   \
    __builtin_assume(at != NULL);                                                                  \
    return at + size > (void *)(long)ctx->data_end ? NULL : at;                                    \
  }                                                                                                \
  BEEYARD_OP __u32 beeyard_length_##context(struct context *ctx) {                                 \
    __u64 length = (__u64)ctx->data_end - (__u64)ctx->data;                                        \
    asm volatile("" : "+r"(length));                                                               \
    return (__u32)length;                                                                          \
  }
BEEYARD_PACKET(xdp_md)
BEEYARD_PACKET(__sk_buff)

#endif /* BEEYARD_TYPESCRIPT_H */
