/* SPDX-License-Identifier: MIT
 *
 * Static keys, an extension of beeyard: Linux has none for BPF programs (they were proposed in 2023).
 * A key is a switch outside of programs; a branch on it is a jump that is written into the code, so
 * that one which is off costs nothing: no load, no comparison.
 *
 *   #include <beeyard/static_key.h>
 *
 *   DEFINE_STATIC_KEY(tracing);
 *   …
 *   if (bpf_static_branch_unlikely(&tracing))   // off: falls through, the body stands elsewhere
 *     trace(ctx);
 *   if (bpf_static_branch_likely(&tracing))     // off: jumps over the body, which stands here
 *     …
 *
 * Both are true while the key is on, and keys start off. `loaded.key('tracing').enable()` or an
 * update of the map (key 0, a u32 that is not 0) turns one on: all programs that have branches on it
 * get other code at once, and invocations that run finish in the old code. The verifier walks both
 * ways of every branch. Programs cannot use a key as a map.
 *
 * Plain C: clang 14 and later compile it. The argument must be the address of a key, written out.
 * Programs that use it load in beeyard only; `beeyard verify --portable` refuses them.
 */
#ifndef BEEYARD_STATIC_KEY_H
#define BEEYARD_STATIC_KEY_H

/* Whoever has included vmlinux.h and libbpf's headers has all that is needed. */
#if !defined(__VMLINUX_H__) && !defined(__BPF_HELPERS__)
#include "bpf.h"
#endif

#define BPF_MAP_TYPE_STATIC_KEY 0xbee2

#define DEFINE_STATIC_KEY(name)                                                                    \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_STATIC_KEY);                                                         \
    __uint(max_entries, 1);                                                                        \
    __type(key, __u32);                                                                            \
    __type(value, __u32);                                                                          \
  } name SEC(".maps")

/* With instruction set v4 jumps may be long. */
#ifdef __BPF_FEATURE_GOTOL
#define BPF_STATIC_GOTO_ "gotol "
#else
#define BPF_STATIC_GOTO_ "goto "
#endif

/* One record of the table: the jump, where it goes, the key, 1 for a jump that the key takes away. */
#define BPF_STATIC_RECORD_(flags)                                                                  \
  ".pushsection .static_branches, \"\", @progbits\n"                                               \
  ".balign 8\n"                                                                                    \
  ".quad 1b, %l[away], %c0, " #flags "\n"                                                          \
  ".popsection\n"

/* Macros, so that listings show the line that asks. */
#define BPF_STATIC_BRANCH_(jump, flags, key, taken)                                                \
  ({                                                                                               \
    __label__ away;                                                                                \
    int on_ = taken;                                                                               \
    asm goto("1: " BPF_STATIC_GOTO_ jump "\n" BPF_STATIC_RECORD_(flags) : : "i"(key) : : away);    \
    on_ = !taken;                                                                                  \
  away:                                                                                            \
    on_;                                                                                           \
  })

/* `goto +0` until the key is on. */
#define bpf_static_branch_unlikely(key) BPF_STATIC_BRANCH_("+0", 0, key, 1)

/* A jump until the key is on. */
#define bpf_static_branch_likely(key) BPF_STATIC_BRANCH_("%l[away]", 1, key, 0)

#endif
