/* SPDX-License-Identifier: MIT
 *
 * One source, two machines: a benchmark includes this file and is compiled for BPF, where maps and
 * helpers are the runtime's, and natively, where they are the functions of bench/native/maps.c.
 *
 * A benchmark has up to three programs: `setup` (once), `run` (timed, returns 32 bits that depend
 * on everything it did) and `check` (digests the maps after the runs). Its big data is one global,
 * `work`, which the bench compares as well. Packets lie below 4 GiB on both sides, so that
 * `ctx->data` holds their address.
 */
#ifndef BENCH_H
#define BENCH_H

#include <beeyard/net.h>

#ifdef __bpf__

#define PROGRAM(name) SEC("xdp") int name(struct xdp_md *ctx)

#define MAP(name, kind, key_type, value_type, entries, flags)                                      \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_##kind);                                                             \
    __uint(max_entries, entries);                                                                  \
    __uint(map_flags, flags);                                                                      \
    __type(key, key_type);                                                                         \
    __type(value, value_type);                                                                     \
  } name SEC(".maps")

#define WORK(type) type work
LICENSE("MIT");

#else /* native */

#include "../native/maps.h"

#define PROGRAM(name) __attribute__((visibility("default"))) int name(struct xdp_md *ctx)

#define MAP(name, kind, key_type, value_type, entries, flags)                                      \
  static struct native_map name = {                                                                \
      .type = BPF_MAP_TYPE_##kind,                                                                 \
      .key_size = sizeof(key_type),                                                                \
      .value_size = sizeof(value_type),                                                            \
      .max_entries = entries,                                                                      \
  };                                                                                               \
  __attribute__((constructor)) static void create_##name(void) { native_map_create(&name); }

/* Hidden, so that it is reached like any global of a program, not through the linker's table. */
#define WORK(type)                                                                                 \
  __attribute__((visibility("hidden"))) type work;                                                 \
  __attribute__((visibility("default"))) void *bench_work(unsigned long *size) {                   \
    *size = sizeof(work);                                                                          \
    return &work;                                                                                  \
  }                                                                                                \
  type work

#endif

/* Deterministic inputs: xorshift32, never 0. */
static __always_inline __u32 next_random(__u32 *state) {
  __u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

/* Ends a digest: every bit of `value` matters to each bit of the result. */
static __always_inline __u32 mix32(__u64 value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  return (__u32)value;
}

#define UNUSED(x) (void)(x)

#endif
