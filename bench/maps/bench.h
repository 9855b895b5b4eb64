/* SPDX-License-Identifier: MIT
 *
 * Benchmarks of maps: one source, compiled for BPF and natively, as in bench/programs, with many
 * programs in a file. Natively a map's type is known where it is used, so operations are called
 * directly and array look-ups stand in the program, as the kernel has it.
 */
#ifndef MAPS_BENCH_H
#define MAPS_BENCH_H

#include <beeyard/net.h>

#ifdef __bpf__

#define PROGRAM(name) SEC("xdp") int name(struct xdp_md *ctx __attribute__((unused)))

#define MAP(name, kind, key_type, value_type, entries, flags)                                      \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_##kind);                                                             \
    __uint(max_entries, entries);                                                                  \
    __uint(map_flags, flags);                                                                      \
    __type(key, key_type);                                                                         \
    __type(value, value_type);                                                                     \
  } name SEC(".maps")

#define KEYLESS(name, kind, value_type, entries, flags)                                            \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_##kind);                                                             \
    __uint(max_entries, entries);                                                                  \
    __uint(map_flags, flags);                                                                      \
    __type(value, value_type);                                                                     \
  } name SEC(".maps")

#define RING(name, bytes)                                                                          \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_RINGBUF);                                                            \
    __uint(max_entries, bytes);                                                                    \
  } name SEC(".maps")

static void *(*const bpf_task_storage_get)(void *map, void *task, void *value, u64 flags) =
    (void *)156;

LICENSE("MIT");

#else /* native */

#include "../native/maps.h"

#define PROGRAM(name)                                                                              \
  __attribute__((visibility("default"))) int name(struct xdp_md *ctx __attribute__((unused)))

#define NATIVE_MAP_(name, kind, keys, values, entries)                                             \
  static struct native_##kind name = {{                                                            \
      .type = BPF_MAP_TYPE_##kind,                                                                 \
      .key_size = keys,                                                                            \
      .value_size = values,                                                                        \
      .max_entries = entries,                                                                      \
  }};                                                                                              \
  __attribute__((constructor)) static void create_##name(void) { native_map_create(&name.map); }

#define MAP(name, kind, key_type, value_type, entries, flags)                                      \
  NATIVE_MAP_(name, kind, sizeof(key_type), sizeof(value_type), entries)
#define KEYLESS(name, kind, value_type, entries, flags)                                            \
  NATIVE_MAP_(name, kind, 0, sizeof(value_type), entries)
#define RING(name, bytes) NATIVE_MAP_(name, RINGBUF, 0, 0, bytes)

#endif

/* Deterministic inputs: xorshift32, never 0. */
static __always_inline u32 next_random(u32 *state) {
  u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

/* A number below `limit`. */
static __always_inline u32 below(u32 random, u32 limit) { return (u64)random * limit >> 32; }

/* Every bit of `value` matters to each bit of the result. */
static __always_inline u32 mix32(u64 value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  return (u32)value;
}

#endif
